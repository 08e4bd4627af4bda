"""Losses that are means over independent rows pass in every precision; what is something else is told."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.landscape.problem.row_mean import require_row_mean, spread_rows
from tests.cases import CASES, sigmoid_error

WEIGHTS = torch.tensor([1.0, 1.0, 1.5, 1.0])


def _half_ignored(outputs, targets):
    return functional.cross_entropy(outputs, targets, ignore_index=2)


def _brier(outputs, targets):
    return (outputs.softmax(1) - functional.one_hot(targets, 4)).square().sum(1).mean()


MEANS = {
    "cross-entropy": functional.cross_entropy,
    "smoothed": partial(functional.cross_entropy, label_smoothing=0.1),
    "summed and divided": lambda z, y: functional.cross_entropy(z, y, reduction="sum") / len(y),
    "brier": _brier,
    "of squeezed outputs": lambda z, y: functional.mse_loss(z[:, :1].squeeze(), y.to(z)),
    "a thousand times": lambda z, y: 1000 * functional.cross_entropy(z, y),
}
OTHERS = {
    "sum": partial(functional.cross_entropy, reduction="sum"),
    "class weights": lambda z, y: functional.cross_entropy(z, y, WEIGHTS.to(z)),
    "ignored class": _half_ignored,
    "root of a mean": lambda z, y: functional.cross_entropy(z, y).sqrt(),
    "spread over rows": lambda z, y: functional.cross_entropy(z, y) + z.std(0).sum(),
}


def _model(dtype, size):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4)).to(dtype).eval()
    model[2].weight.data *= size
    inputs = torch.randn(300, 6, dtype=dtype)
    return model, inputs, model(inputs).argmax(1)  # a network that fits


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("size", [0.1, 1.0, 1000.0])
@pytest.mark.parametrize("name", list(MEANS))
def test_means_pass(name, size, dtype):
    model, inputs, targets = _model(dtype, size)
    for count in (2, 3, 300):
        require_row_mean(model, MEANS[name], ((inputs[:count], targets[:count]),))
    require_row_mean(model, functional.cross_entropy, ((inputs[:1], targets[:1]),))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [0.1, 1.0, 20.0])
@pytest.mark.parametrize("name", list(OTHERS))
def test_what_is_no_mean_is_told(name, size, dtype):
    """Rows sorted by class, in one batch and in several."""
    model, inputs, targets = _model(dtype, size)
    targets, order = targets.sort()
    inputs = inputs[order]
    for rows in (300, 50):
        pairs = tuple(zip(inputs.split(rows), targets.split(rows), strict=True))
        with pytest.raises(LowlandError, match="expected the mean over independent rows"):
            require_row_mean(model, OTHERS[name], pairs)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_sums_over_few_rows_are_told(count):
    model, inputs, targets = _model(torch.float32, 1.0)
    with pytest.raises(LowlandError, match="no reduction='sum'"):
        require_row_mean(model, OTHERS["sum"], ((inputs[:count], targets[:count]),))


def test_a_rare_class_is_found():
    model, inputs, _ = _model(torch.float32, 1.0)
    targets = torch.zeros(300, dtype=torch.long)
    targets[211] = 2
    with pytest.raises(LowlandError, match="no class weights and no ignore_index"):
        require_row_mean(model, OTHERS["class weights"], ((inputs, targets),))


def test_losses_that_are_not_reduced_are_told():
    model, inputs, targets = _model(torch.float32, 1.0)
    with pytest.raises(LowlandError, match=r"got a value of shape \(16,\)"):
        require_row_mean(model, partial(functional.cross_entropy, reduction="none"), ((inputs, targets),))


@pytest.mark.parametrize("name", [name for name in CASES if name != "batch statistics"])
def test_every_case_passes_in_single_and_double_precision(name):
    case = CASES[name]
    inputs, targets = case.data()
    require_row_mean(case.model(), case.loss, ((inputs, targets),))
    targets = targets.float() if targets.is_floating_point() else targets
    require_row_mean(case.model().float(), case.loss, ((inputs.float(), targets),))


def test_rows_that_are_not_finite_are_left_to_the_status():
    inputs = torch.rand(20, 3)
    inputs[::2] = torch.nan
    inputs[1] = torch.inf
    require_row_mean(nn.Linear(3, 3).eval(), sigmoid_error, ((inputs, inputs),))
    require_row_mean(nn.Linear(3, 3).eval(), sigmoid_error, ((inputs[:1], inputs[:1]),))


def test_rows_are_spread_over_batches_and_labels():
    inputs = torch.arange(100.0)[:, None]
    targets = torch.arange(100) // 50
    targets[77] = 5
    batches = (*zip(inputs.split(25), targets.split(25), strict=True), (torch.zeros(9, 2), torch.zeros(9)))
    rows, labels = spread_rows(batches, 16, labels=8)
    assert len(rows) == 16 and set(labels.tolist()) == {0, 1, 5}
    assert {int(row) // 25 for row in rows.flatten()} == {0, 1, 2, 3}
    assert torch.equal(rows, spread_rows(batches, 16, labels=8)[0])
    assert torch.equal(rows, spread_rows(((inputs, targets),), 16, labels=8)[0])
    assert len(spread_rows(((inputs, targets),), 500)[0]) == 100
