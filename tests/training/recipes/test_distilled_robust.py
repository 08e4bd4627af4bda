"""A student keeps its teacher's answers, and its own under widths that are drawn."""

import torch
from torch import nn

from lowland.quantization import Precision, quantize_dynamically
from tests.training.fitting import OPTIONS, data, fit, network, recipe


def under(model: nn.Module, bits: int, inputs: torch.Tensor) -> torch.Tensor:
    precision = Precision(method="dynamic", weight_bits=8, activation_bits=bits, runtime="litert")
    return quantize_dynamically(model, precision)(inputs)


def test_the_teacher_is_the_plain_network_and_labels_do_not_reach_the_student() -> None:
    robust = recipe(kind="distilled_robust", weight=1.0)
    teachers: list[nn.Module] = []

    def trained(other: nn.Module, by: object) -> nn.Module:
        teachers.append(fit(other, kind="plain").network)
        return teachers[-1]

    prepared = robust.prepared(network(), trained, float_from=None)
    plain = fit(network(), kind="plain").network
    assert all(torch.equal(a, b) for a, b in zip(teachers[0].parameters(), plain.parameters(), strict=True))
    inputs, targets = data()
    losses = prepared.loss(nn.functional.cross_entropy)
    assert float(losses(network()(inputs), targets)) == float(losses(network()(inputs), 1 - targets)) == 0.0


def test_answers_hold_at_few_bits_better_than_those_of_the_teacher() -> None:
    options = OPTIONS.model_copy(update={"epochs": 30})
    inputs, _ = data(400, seed=5)
    plain = fit(network(), kind="plain", options=options, training=data(400)).network
    robust = fit(network(), kind="distilled_robust", weight=3.0, options=options, training=data(400)).network
    same = {}
    for name, model in {"plain": plain, "robust": robust}.items():
        same[name] = float((under(model, 2, inputs).argmax(1) == model(inputs).argmax(1)).double().mean())
    assert same["robust"] > same["plain"] + 0.01
    assert float((robust(inputs).argmax(1) == plain(inputs).argmax(1)).double().mean()) > 0.93
