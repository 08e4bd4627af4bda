import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.robustness.crossing import crossing, crossing_error, crossing_interval
from lowland.robustness.level_axis import LevelAxis

VALUES = st.floats(-1, 1).map(lambda value: round(value, 3))


@pytest.mark.parametrize(
    "monotone, place",
    [([1, -1], 0.5), ([1, 0, 0, -1], 2.0), ([3, 1, -1, -5], 1.5), ([-1, -2], 0.0), ([2, 1], 2.0), ([1, 0], 2.0)],
)
def test_crossings_are_interpolated(monotone, place):
    assert crossing(np.array(monotone, dtype=float)) == place


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(VALUES, st.floats(0, 0.5).map(lambda value: round(value, 3))), min_size=2, max_size=5),
    st.floats(-1, 1),
)
def test_intervals_invert_the_test_at_every_level(points, correlation):
    above, margins = np.array(points).T
    last = len(above) - 1
    axis = LevelAxis(np.arange(last + 1, dtype=float), "linear")
    start = float(last) / 2
    lower, upper = crossing_interval(above, margins, np.full(last, correlation), start, axis)

    def excess(place):
        """By how much the squared line exceeds its squared margin."""
        left = np.minimum(np.asarray(place).astype(int), last - 1)
        share = place - left
        line = (1 - share) * above[left] + share * above[left + 1]
        a, b = (1 - share) * margins[left], share * margins[left + 1]
        return line**2 - (a**2 + b**2 + 2 * correlation * a * b)

    places = np.linspace(0, last, 400 * last + 1)
    held = excess(places) <= 0
    held |= places == start
    if above[0] <= margins[0]:
        assert lower == 0
    else:
        assert lower <= places[held].min() + 1e-9
        assert excess(lower) <= 1e-6 or lower == start
    if above[-1] >= -margins[-1]:
        assert upper == math.inf
    else:
        assert upper >= places[held].max() - 1e-9
        assert excess(upper) <= 1e-6 or upper == start


def test_first_order_errors_are_the_values_errors_over_the_slope():
    axis = LevelAxis(np.array([0.0, 10.0]), "linear")
    values, errors = np.array([1.0, -1.0]), np.array([0.1, 0.1])
    assert crossing_error(values, errors, np.array([1.0]), 0.5, axis) == pytest.approx(0.1 / 0.2)
    assert crossing_error(values, errors, np.array([0.0]), 0.5, axis) == pytest.approx(0.1 / 0.2 / 2**0.5)
    assert crossing_error(values, errors, np.array([-1.0]), 0.5, axis) == 0
    assert math.isnan(crossing_error(np.zeros(2), errors, np.array([1.0]), 0.0, axis))
    assert math.isnan(crossing_error(values, np.array([math.nan, 0.1]), np.array([1.0]), 0.5, axis))
