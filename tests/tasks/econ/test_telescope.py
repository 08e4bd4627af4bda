import numpy as np
import pytest
import torch

from lowland.landscape.curvature.output_hessians import OutputHessians, separable
from lowland.tasks.econ.hgcal import CELLS, supercells
from lowland.tasks.econ.telescope import telescope_losses


def charges(rows, seed):
    source = torch.Generator().manual_seed(seed)
    values = torch.rand(rows, CELLS, generator=source, dtype=torch.float64)
    return values * (torch.rand(values.shape, generator=source) < 0.5)


def one_by_one(predicted, true):
    """The published formula, cell by cell."""

    def level(pairs, weights):
        return np.mean([w * (t - p) ** 2 * max(t, p) for (t, p), w in zip(pairs, weights, strict=True)])

    squares, weights = supercells()
    rhombi = np.arange(CELLS).reshape(3, 16)
    sums = [[(true[c].sum(), predicted[c].sum()) for c in cells] for cells in (np.arange(48)[:, None], squares, rhombi)]
    return 4 * level(sums[0], np.ones(48)) + 2 * level(sums[1], weights) + level(sums[2], np.ones(3))


def test_losses_are_the_published_sums():
    predicted, true = charges(5, 0), charges(5, 1)
    expected = [one_by_one(p, t) for p, t in zip(predicted.numpy(), true.numpy(), strict=True)]
    np.testing.assert_allclose(telescope_losses(predicted, true), expected, rtol=1e-12)


def test_no_loss_for_equal_charges_and_no_preferred_side():
    predicted, true = charges(4, 0), charges(4, 1)
    assert telescope_losses(true, true).abs().max() == 0
    torch.testing.assert_close(telescope_losses(predicted, true), telescope_losses(true, predicted))


def test_a_lost_charge_costs_more_the_farther_it_moves():
    true, beside, far = torch.zeros(3, CELLS, dtype=torch.float64)
    true[5], beside[6], far[40] = 1, 1, 1
    near_loss, far_loss = telescope_losses(torch.stack([beside, far]), torch.stack([true, true]))
    assert near_loss < far_loss


def test_first_and_second_derivatives_are_right():
    true = charges(2, 1)
    predicted = (charges(2, 0) + 0.01).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: telescope_losses(p, true), predicted)
    assert torch.autograd.gradgradcheck(lambda p: telescope_losses(p, true).sum(), predicted)


def test_second_derivatives_are_finite_where_charges_are_equal():
    true = charges(1, 1)[0]
    hessian = torch.autograd.functional.hessian(lambda p: telescope_losses(p[None], true[None])[0], true.clone())
    assert hessian.isfinite().all()
    assert hessian.diagonal().min() >= 0


def test_the_landscape_engine_finds_every_rows_hessian():
    predicted, true = charges(3, 0), charges(3, 1)

    def loss(outputs, targets):
        return telescope_losses(outputs, targets).mean()

    assert not separable(loss, predicted, true)
    found = OutputHessians(loss, predicted, true)
    assert found.finite
    for row in range(3):
        dense = torch.autograd.functional.hessian(
            lambda p, t=true[row]: telescope_losses(p[None], t[None])[0], predicted[row]
        )
        weights, directions = (torch.cat(parts, 1)[row] for parts in zip(*found.directions(16), strict=True))
        torch.testing.assert_close(directions.T @ (weights[:, None] * directions), dense)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_losses_keep_the_number_format(dtype):
    assert telescope_losses(charges(2, 0).to(dtype), charges(2, 1).to(dtype)).dtype == dtype
