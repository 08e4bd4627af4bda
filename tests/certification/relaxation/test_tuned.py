"""Slopes and multipliers make bounds better and never unsound."""

import torch
from torch import nn

from lowland.certification.relaxation import enclose, smallest
from lowland.certification.relaxation.interval import Interval
from lowland.certification.relaxation.tuned import tuned_smallest
from tests.certification.relaxation.networks import SHAPES, Residual, convolutional, dense, draws, made

OBJECTIVES = torch.tensor([[[1.0, -1.0], [-0.5, 2.0]]], dtype=torch.float64)


def test_the_first_bound_is_that_of_the_fixed_slopes_and_later_ones_are_higher():
    gained = 0
    for seed in range(4):
        query = made(dense, nn.ReLU(), seed)
        enclosure, objectives = enclose(query, "crown"), OBJECTIVES.expand(3, 2, 2)
        fixed = smallest(enclosure, objectives)
        first, _ = tuned_smallest(enclosure, objectives, steps=0)
        later, _ = tuned_smallest(enclosure, objectives, steps=15)
        torch.testing.assert_close(first, fixed, rtol=1e-10, atol=1e-10)
        assert bool((later >= first).all())
        gained += int((later > first + 1e-3).sum())
    assert gained > 4


def test_no_drawn_sum_lies_below_tuned_bounds():
    for architecture in (dense, Residual, convolutional):
        for seed in range(2):
            query = made(architecture, nn.ReLU(), seed)
            outputs = query.network.output.shape[0]
            objectives = torch.randn(3, 2, outputs, dtype=torch.float64)
            bounds, coefficients = tuned_smallest(enclose(query, "crown"), objectives)
            for values in draws(query, 60):
                sums = (objectives * values[query.network.output.name].unsqueeze(1)).sum(2)
                assert bool((sums >= bounds).all())
            assert coefficients["inputs"].shape[1:] == (2, *SHAPES[architecture])


def test_multipliers_of_limits_raise_bounds_that_hold_under_the_limits():
    # Under z <= 0 the sum z is at most 0: no interval of what is before knows of it, the multiplier does.
    raised = kept = 0
    for seed in range(4):
        query = made(dense, nn.ReLU(), seed)
        first, _, second, _, _ = query.network.operations
        free = enclose(query, "crown")
        signs = torch.zeros_like(free.intervals[second].lower)
        signs[:, 0] = 1.0 if seed % 2 else -1.0
        limit = Interval(
            torch.where(signs < 0, 0.0, -torch.inf).double(), torch.where(signs > 0, 0.0, torch.inf).double()
        )
        enclosure = enclose(query, "crown", {second: limit})
        objectives = OBJECTIVES.expand(3, 2, 2)
        without, _ = tuned_smallest(enclosure, objectives)
        with_multipliers, _ = tuned_smallest(enclosure, objectives, {second: limit})
        raised += int((with_multipliers > without + 1e-4)[~enclosure.empty].sum())
        for values in draws(query, 300):
            inside = (values[second][:, 0] * signs[:, 0] <= 0) & ~enclosure.empty
            sums = (objectives * values[query.network.output.name].unsqueeze(1)).sum(2)
            assert bool((sums >= with_multipliers)[inside].all())
            kept += int(inside.sum())
        assert first in enclosure.intervals
    assert raised > 0
    assert kept > 300
