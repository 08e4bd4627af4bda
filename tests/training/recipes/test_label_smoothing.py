import pytest
import torch
from pydantic import ValidationError
from torch import nn

from lowland.errors import LowlandError
from lowland.training.recipes.label_smoothing import LabelSmoothing, smoothed
from tests.quantization.networks import CLASSES, FEATURES, rows
from tests.training.fitting import LOSS, data, equal_weights, fit, network


def value_and_slope(loss, outputs, targets):
    variable = outputs.clone().requires_grad_()
    value = loss(variable, targets)
    value.backward()
    return value.detach(), variable.grad


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("classes", [2, 7])
def test_loss_and_gradient_are_those_of_torch(smoothing, classes):
    source = torch.Generator().manual_seed(classes)
    outputs = 3 * torch.randn(20, classes, generator=source, dtype=torch.float64)
    targets = torch.randint(classes, (20,), generator=source)
    found = value_and_slope(LabelSmoothing(kind="label_smoothing", smoothing=smoothing).loss(LOSS), outputs, targets)
    expected = value_and_slope(nn.CrossEntropyLoss(label_smoothing=smoothing), outputs, targets)
    assert all(torch.allclose(a, b, rtol=1e-12, atol=1e-15) for a, b in zip(found, expected, strict=True))


def test_the_task_s_own_loss_is_smoothed():
    """A weighted cross-entropy, by its definition on every class."""
    loss = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0]), reduction="sum")
    outputs, targets = torch.randn(4, 2, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 1, 0])
    each = [loss(outputs, torch.full((4,), k)) for k in (0, 1)]
    expected = 0.7 * loss(outputs, targets) + 0.3 * (each[0] + each[1]) / 2
    assert torch.allclose(smoothed(loss, 0.3)(outputs, targets), expected)


def test_no_smoothing_is_plain_training():
    plain, found = fit(network()), fit(network(), kind="label_smoothing", smoothing=0.0)
    assert equal_weights(plain.network, found.network) and plain.curves.equals(found.curves)


def test_it_is_validated_on_the_targets_as_they_are_and_makes_answers_less_sure():
    pair = rows(128)
    found = {}
    for kind, chosen in {"plain": {"kind": "plain"}, "smooth": {"kind": "label_smoothing", "smoothing": 0.3}}.items():
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = nn.Linear(FEATURES, CLASSES)
        found[kind] = fit(model, training=pair, validation=pair, **chosen)
    result = found["smooth"]
    validation = float(LOSS(result.network(pair[0]), pair[1]).detach())
    assert validation == pytest.approx(result.curves.validation_loss.min(), rel=1e-6)
    assert result.curves.training_loss.iloc[-1] > result.curves.validation_loss.iloc[-1]
    sure = {kind: float(r.network(pair[0]).softmax(1).amax(1).mean().detach()) for kind, r in found.items()}
    assert sure["smooth"] < sure["plain"]


@pytest.mark.parametrize("targets", [data()[0], data()[1].float(), torch.zeros(64, 2, dtype=torch.int64)])
def test_targets_that_are_no_classes_are_refused_before_training(targets):
    with pytest.raises(
        LowlandError, match=r"^targets are torch.* expects numbers of classes \[n\]: use another recipe$"
    ):
        fit(network(), training=(data()[0], targets), kind="label_smoothing", smoothing=0.1)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, float("nan")])
def test_wrong_options_are_refused(smoothing):
    with pytest.raises(ValidationError):
        LabelSmoothing(kind="label_smoothing", smoothing=smoothing)
