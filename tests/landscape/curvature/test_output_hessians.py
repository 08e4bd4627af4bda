"""Weights and directions against dense Hessians of single rows, and what is held for many classes."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from lowland.landscape import capture_curvature
from lowland.landscape.curvature.output_hessians import OutputHessians, separable
from lowland.landscape.curvature.row_gradients import SQUARES_AT_ONCE
from tests.cases import sigmoid_error
from tests.landscape.test_memory import peak_bytes


def _partly_flat(outputs, targets):
    """Two outputs are coupled, one stands alone and one does not matter."""
    return ((outputs[:, 0] * outputs[:, 1] - targets[:, 0]) ** 2 + outputs[:, 2].exp()).mean()


LOSSES = {
    "cross-entropy": (lambda z, y: functional.cross_entropy(z, y.softmax(1)), False),
    "squared error": (functional.mse_loss, True),
    "indefinite": (sigmoid_error, True),
    "partly flat": (_partly_flat, False),
    "linear": (lambda z, y: (z * y).sum(1).mean(), True),
    "one output": (lambda z, y: (z[:, 0] - y[:, 0]).square().mean(), True),
}


@pytest.mark.parametrize("name", list(LOSSES))
@pytest.mark.parametrize("together", [1, 3, 100])
def test_weights_and_directions_make_the_hessian(name, together):
    loss, alone = LOSSES[name]
    draws = torch.Generator().manual_seed(1)
    outputs, targets = torch.randn(2, 7, 4, generator=draws, dtype=torch.float64)
    found = OutputHessians(loss, outputs, targets)
    assert found.finite and separable(loss, outputs, targets) == alone
    parts = list(found.directions(together))
    assert all(weights.shape[1] <= together and d.shape == (7, weights.shape[1], 4) for weights, d in parts)
    made = sum((torch.einsum("rk,rki,rkj->rij", w, d, d) for w, d in parts), torch.zeros(7, 4, 4, dtype=torch.float64))
    for row in range(7):
        pair = outputs[row], targets[row : row + 1]
        dense = torch.autograd.functional.hessian(lambda z, y=pair[1]: loss(z[None], y), pair[0])
        torch.testing.assert_close(made[row], dense, rtol=1e-10, atol=1e-12)


def test_derivatives_that_are_not_finite_are_told():
    outputs = torch.zeros(3, 2)
    assert not OutputHessians(lambda z, y: (z[:, 0] * z[:, 1]).sqrt().mean(), outputs, outputs).finite


def _wide(classes):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, classes)).eval()


def test_many_classes_are_looked_at_a_few_rows_at_a_time():
    """The Hessians of 8 rows in 256 outputs take 2 MiB a copy: 4 rows at a time, about five copies."""
    model, inputs, targets = _wide(256), torch.randn(8, 4), torch.arange(8)

    def backward():
        torch.autograd.grad(functional.cross_entropy(model(inputs), targets), list(model.parameters()))

    run = lambda: capture_curvature(model, functional.cross_entropy, [(inputs, targets)])  # noqa: E731
    assert peak_bytes(run) <= 2 * peak_bytes(backward) + 6 * 4 * SQUARES_AT_ONCE


def test_matrices_of_losses_that_add_up_over_outputs_are_never_formed():
    model, inputs = _wide(1024), torch.randn(4, 4)
    targets = torch.randn(4, 1024)
    squares = 4 * 1024**2  # bytes of one row's
    assert peak_bytes(lambda: separable(functional.mse_loss, model(inputs).detach(), targets)) < squares / 20
    hessians = OutputHessians(functional.mse_loss, model(inputs).detach(), targets)
    assert peak_bytes(lambda: next(hessians.directions(16))) < squares / 4
