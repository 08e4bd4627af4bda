"""Bounds hold for whatever is drawn from the boxes, and are never wider than the better of their two sources."""


import pytest

from lowland.certification.relaxation import enclose
from tests.certification.relaxation.networks import ACTIVATIONS, SHAPES, draws, made, quantized

METHODS = ("interval", "crown_ibp", "crown")


def _hold(query, count=60):
    """How many values were drawn; all of them lie within all bounds."""
    enclosures = [enclose(query, method) for method in METHODS]
    seen = 0
    for values in draws(query, count):
        for enclosure in enclosures:
            for name, drawn in values.items():
                interval = enclosure.intervals[name]
                assert bool((interval.lower <= drawn).all() & (drawn <= interval.upper).all()), name
                seen += drawn.numel()
    return seen


@pytest.mark.parametrize("architecture", SHAPES, ids=lambda architecture: architecture.__name__)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=repr)
def test_nothing_that_is_drawn_leaves_the_bounds(architecture, activation):
    for seed in range(3):
        assert _hold(made(architecture, activation, seed), 12) > 0


def test_nothing_leaves_the_bounds_of_quantizers_and_factors():
    for seed in range(20):
        assert _hold(quantized(seed)) > 0
