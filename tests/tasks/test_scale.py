import numpy as np
import pytest

from lowland.tasks.scale import mean_and_spread

VALUES = np.random.default_rng(0).normal(3, 2, (50, 2))


@pytest.mark.parametrize("unit", [1.0, 2.0**-1000, 2.0**990, 2.0**-600])
def test_mean_and_spread_scale_with_the_unit_exactly(unit):
    mean, spread = mean_and_spread(VALUES * [unit, 1])
    assert np.array_equal(mean, VALUES.mean(axis=0) * [unit, 1])
    assert np.array_equal(spread, VALUES.std(axis=0) * [unit, 1])


def test_what_does_not_vary_has_no_spread():
    assert mean_and_spread(np.full(4, 1e-200)) == (1e-200, 0) and mean_and_spread(np.zeros(3)) == (0, 0)
