"""Formulas where they hold, one row after the other where they do not: never a part of a gradient."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.landscape import capture_curvature, mean_gradient
from lowland.landscape.curvature import layers
from lowland.landscape.curvature.row_gradients import RowPlan, stray_gradients
from lowland.landscape.curvature.row_tape import RowTape
from lowland.landscape.measures.gradient import gradient_norms
from lowland.landscape.problem.model import trainable
from tests.cases import CASES

COVERED = {  # which parameters have a formula
    "mlp": "all",
    "autoencoder": "all",
    "sequence": "all",
    "integer network": "all",
    "twin": "none",
    "stock Brevitas": "none",
}


def _row_by_row(model, inputs, directions):
    """Gradients [rows, directions, *shape] of every parameter, one backward pass each."""
    names, parameters = zip(*model.named_parameters(), strict=True)
    found = {name: [] for name in names}
    for row, row_directions in zip(inputs, directions, strict=True):
        outputs = model(row[None])[0]
        for direction in row_directions:
            parts = torch.autograd.grad(outputs, parameters, direction, retain_graph=True, materialize_grads=True)
            for name, part in zip(names, parts, strict=True):
                found[name].append(part)
    return {n: torch.stack(parts).unflatten(0, directions.shape[:2]) for n, parts in found.items()}


def _found(model, inputs, directions):
    plan = RowPlan.of(model, trainable(model), ((inputs, inputs),))
    tape = RowTape(model, inputs, layers=plan.layers)
    blocks = {name: [] for name in plan.parameters}
    for call, cotangents in zip(tape.calls, tape.pulled_back(directions), strict=True):
        for _, block in call.gradients(cotangents):
            for name, gradient in block.items():
                blocks[name].append(gradient)
    for _, block in stray_gradients(model, plan.strays, inputs, directions):
        for name, gradient in block.items():
            blocks[name].append(gradient)
    return plan, {name: torch.cat(parts) for name, parts in blocks.items()}


def _directions(model, inputs, count=3):
    outputs = model(inputs).detach()
    shape = (len(inputs), count, *outputs.shape[1:])
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=outputs.dtype)


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("batch statistics", "tied")])
@pytest.mark.parametrize("block", [100, 2**18])
def test_gradients_are_those_of_one_row_after_the_other(name, block, monkeypatch):
    monkeypatch.setattr(layers, "PER_SAMPLE_ELEMENTS", block)
    case = CASES[name]
    model, inputs = case.model(), case.data()[0][:5]
    directions = _directions(model, inputs)
    plan, found = _found(model, inputs, directions)
    expected = _row_by_row(model, inputs, directions)
    assert found.keys() == expected.keys()
    for key, gradient in found.items():
        torch.testing.assert_close(gradient, expected[key], rtol=1e-10, atol=1e-12)
    if name in COVERED:
        assert (COVERED[name] == "all") == (not plan.strays)
        assert (COVERED[name] == "none") == (len(plan.strays) == len(plan.parameters))


class _Elsewhere(nn.Module):
    """A layer that is called, and whose weight acts once more behind its back."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, values):
        return self.second(functional.linear(self.first(values).relu(), self.first.weight))


def test_a_weight_that_acts_behind_its_layer_s_back_is_not_left_to_the_formula():
    model = _Elsewhere().double().eval()
    inputs = torch.randn(5, 4, dtype=torch.float64)
    directions = _directions(model, inputs)
    plan, found = _found(model, inputs, directions)
    assert set(plan.strays) == {"first.weight", "first.bias"}
    for key, expected in _row_by_row(model, inputs, directions).items():
        torch.testing.assert_close(found[key], expected, rtol=1e-10, atol=1e-12)


class _OneByOne(torch.autograd.Function):
    """An operation that cannot run backwards for several cotangents at once."""

    @staticmethod
    def forward(ctx, values):
        return 2 * values

    @staticmethod
    def backward(ctx, gradient):
        return torch.from_numpy(2 * gradient.numpy())


class _Stubborn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor([0.5, -1.0, 2.0]))

    def forward(self, values):
        return _OneByOne.apply(values * self.gain)


def test_operations_that_run_backwards_once_at_a_time():
    model = _Stubborn().double().eval()
    inputs = torch.randn(5, 3, dtype=torch.float64)
    directions = _directions(model, inputs)
    _, found = _found(model, inputs, directions)
    torch.testing.assert_close(found["gain"], 2 * directions * inputs[:, None])


@pytest.mark.parametrize("measure", [gradient_norms, mean_gradient, capture_curvature])
def test_rows_that_depend_on_each_other_are_refused(measure):
    case = CASES["batch statistics"]
    with pytest.raises(LowlandError, match=r"depend on other rows|not piecewise linear"):
        measure(case.model(), case.loss, [case.data()])


def test_outputs_that_are_not_one_a_row_are_refused():
    model = nn.Sequential(nn.Linear(4, 3), nn.Flatten(0)).double().eval()
    inputs = torch.randn(5, 4, dtype=torch.float64)
    with pytest.raises(LowlandError, match=r"an output of shape \(6,\) for 2 rows"):
        gradient_norms(model, functional.mse_loss, [(inputs, inputs)])


def test_pieces_never_hold_more_than_a_backward_pass():
    model = CASES["mlp"].model()
    for rows in (10, 1000, 100_000):
        inputs = torch.zeros(rows, 4, dtype=torch.float64)
        plan = RowPlan.of(model, trainable(model), ((inputs, inputs),))
        chunks = [len(part) for part, _ in plan.chunks(((inputs, inputs),))]
        assert sum(chunks) == rows
        assert max(chunks) <= max(64, rows // (2 if rows < 10_000 else 8))
        assert max(chunks) * plan.passes(max(chunks)) <= max(64, rows)
