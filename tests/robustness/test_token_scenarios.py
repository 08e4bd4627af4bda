"""Texts spoiled and attacked: of every kind of deployed network, on the task's own words."""

import pytest
import torch

from lowland.architectures import build_network
from lowland.errors import LowlandError
from lowland.perturbation import AttackOptions, TokenCorruptionOptions
from lowland.perturbation.embeddings import looked_up, spread
from lowland.quantization import Precision, build_quantized, calibrate, freeze, quantize_dynamically
from lowland.robustness import HalfLifeOptions, Subject
from lowland.robustness.embedding_attacks import embedding_attack_scenarios, with_vectors
from lowland.robustness.measure import SCENARIOS, robustness
from lowland.tasks import Splits, TaskOptions, build_task
from tests.tasks.text.made_corpus import write_corpus

OPTIONS = {"kind": "sentiment", "shifted": "none", "max_tokens": 12, "embedding": 4, "hidden": 3}
SIZES = {"train_rows": 120, "validation_rows": 20, "landscape_rows": 20, "test_rows": 40}
ATTACKS = AttackOptions(kinds=("fgsm", "pgd"), norms=("linf", "l2"), levels=(0.5, 2.0), num_steps=2, num_restarts=1)
SPOILED = TokenCorruptionOptions(
    levels={"unknown_words": (20, 100), "typing_errors": (100,), "truncation": (50,)}, draws=2
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = write_corpus(tmp_path_factory.mktemp("sentiment"), worlds=("movie",))
    task = build_task(TaskOptions.model_validate(OPTIONS | SIZES | {"path": str(path)}))
    splits = task.prepare(task.fetch())
    torch.manual_seed(0)
    net = build_network(task.network_spec_for(splits["train"])).eval()
    rows, eight = splits["train"].inputs, {"weight_bits": 8, "activation_bits": 8}
    quantized = build_quantized(net, Precision(method="ptq", **eight), input_bits=8, input_signed=False, example=rows)
    networks = {
        "float": net,
        "ptq": freeze(calibrate(quantized, rows)),
        "dynamic": quantize_dynamically(net, Precision(method="dynamic", runtime="torchao", **eight)),
    }
    return task, splits, networks


def subject(made, name):
    task, splits, networks = made
    return Subject(task, networks[name], splits, None, ("t",), HalfLifeOptions(floor="halfway"))


@pytest.mark.parametrize("name", ["float", "ptq", "dynamic"])
def test_its_own_vectors_give_its_own_outputs(made, name):
    _, splits, networks = made
    network, tokens = networks[name], splits["test"].inputs
    plain = network.dequantized() if name == "ptq" else network
    model = with_vectors(network, looked_up(plain, tokens).detach(), tokens)
    words = 1 + torch.arange(tokens.numel()).reshape(tokens.shape)
    assert torch.equal(model(torch.where(tokens == 0, 0, words)), network(tokens))


@pytest.mark.parametrize("name", ["float", "ptq", "dynamic"])
def test_attacks_raise_the_loss_the_more_the_further_they_go_and_stay_in_their_ball(made, name):
    rows = [row for row in robustness("adversarial", subject(made, name), ATTACKS) if row.split == "test"]
    rises = {(row.condition, row.level): row.estimate.value for row in rows if row.measure == "loss_rise"}
    assert len(rises) == 8 and all(rise > 0 for rise in rises.values())
    for condition in ("fgsm_linf", "fgsm_l2", "pgd_linf", "pgd_l2"):
        assert rises[condition, 2.0] > rises[condition, 0.5]
    assert rises["fgsm_linf", 0.5] > rises["fgsm_l2", 0.5]  # its ball holds the other
    assert all(row.estimate.value == 0 for row in rows if row.measure == "blind_rate")


def test_the_radius_is_in_standard_deviations_of_embeddings_and_codes_are_the_nearest(made):
    _, splits, networks = made
    (scenario,) = embedding_attack_scenarios(
        subject(made, "ptq"), ATTACKS.model_copy(update={"kinds": ("fgsm",), "norms": ("linf",), "levels": (0.5,)})
    )
    disturbed = scenario.at(0.5, 0)
    tokens, network = splits.held_out.samples.inputs, networks["ptq"]
    step = next(step for step in disturbed.model.steps.children() if step.kind == "embedding")
    moved = step(disturbed.samples.inputs) - looked_up(network.dequantized(), tokens)
    radius, rounding = 0.5 * spread(network.dequantized()), float(step.weight_scale) / 2
    assert moved[tokens == 0].abs().max() == 0
    assert radius - rounding * 1.01 <= moved[tokens != 0].abs().max() <= radius + rounding * 1.01
    assert network.bits["embedding.weight"] == step.weight_bits and step.weight.dtype == torch.int8


@pytest.mark.parametrize("name", ["float", "ptq", "dynamic"])
def test_spoiled_texts_are_measured_at_every_level(made, name):
    rows = list(robustness("token_corruption", subject(made, name), SPOILED))
    levels = {(row.condition, row.level) for row in rows if row.measure == "accuracy"}
    assert levels == {
        ("unknown_words", 20.0), ("unknown_words", 100.0), ("typing_errors", 100.0), ("truncation", 50.0),
    }  # fmt: skip
    assert all(row.estimate.status in ("ok", "not_converged", "undefined") for row in rows)


def test_what_is_drawn_is_the_same_for_all_networks_of_a_task(made):
    scenarios = [
        {each.condition.name: each for each in SCENARIOS["token_corruption"](subject(made, name), SPOILED)}
        for name in ("float", "ptq")
    ]
    for condition, scenario in scenarios[0].items():
        assert scenario.draws == (1 if condition == "truncation" else 2)
        first, second = (found[condition].at(50, scenario.draws - 1).samples.inputs for found in scenarios)
        assert torch.equal(first, second) and not torch.equal(first, made[1].held_out.samples.inputs)


def test_typing_errors_of_a_task_that_does_not_say_its_words_are_refused(made):
    task, splits, networks = made
    nameless = Splits.from_tensors(splits.to_tensors())
    asked = Subject(task, networks["float"], nameless, None, ("t",), HalfLifeOptions(floor="halfway"))
    with pytest.raises(LowlandError, match=r"typing_errors are asked for of a task .* records no vocabulary"):
        list(robustness("token_corruption", asked, SPOILED))
