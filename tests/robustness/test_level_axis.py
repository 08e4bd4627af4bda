import math

import numpy as np
import pytest

from lowland.errors import LowlandError
from lowland.robustness.level_axis import LevelAxis


@pytest.mark.parametrize("levels", [(0.0, 5.0, 10.0), (0.0, 0.01, 1.0, 10.0), (8.0, 4.0, 2.0)])
@pytest.mark.parametrize("scale", ["auto", "linear", "log"])
def test_places_run_through_the_levels_and_slopes_are_their_derivatives(levels, scale):
    axis = LevelAxis(np.array(levels), scale)
    assert [axis.level(place) for place in range(len(levels))] == pytest.approx(list(levels))
    for place in (0.3, 1.6):
        assert axis.slope(place) == pytest.approx((axis.level(place + 1e-6) - axis.level(place - 1e-6)) / 2e-6)


def test_two_decades_make_levels_logarithmic():
    assert LevelAxis(np.array([1.0, 100.0]), "auto").log
    assert not LevelAxis(np.array([0.0, 1.0, 99.0]), "auto").log


def test_the_ends_are_nothing_and_without_bound():
    assert LevelAxis(np.array([1.0, 2.0]), "auto").ends() == (0, math.inf)
    assert LevelAxis(np.array([8.0, 2.0]), "auto").ends() == (math.inf, 0)


def test_other_scales_are_refused():
    with pytest.raises(LowlandError, match="scale is 'square'; expected auto, linear or log"):
        LevelAxis(np.array([1.0, 2.0]), "square")
