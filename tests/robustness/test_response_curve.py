"""Means, errors and correlations of curves that were drawn together."""

import numpy as np
import pytest

from lowland.errors import LowlandError
from lowland.robustness.response_curve import ResponseCurve

LEVELS = (0.0, 1.0, 2.0)


def test_errors_of_draws_are_those_of_their_means_and_neighbours_correlate_as_they_do():
    draws = np.random.default_rng(0).normal(size=(40, 1)) + 0.5 * np.random.default_rng(1).normal(size=(40, 3))
    curve = ResponseCurve.of_draws(LEVELS, draws)
    np.testing.assert_allclose(curve.means, draws.mean(0))
    np.testing.assert_allclose(curve.standard_errors, draws.std(0, ddof=1) / np.sqrt(40))
    expected = [np.corrcoef(draws[:, i], draws[:, i + 1])[0, 1] for i in range(2)]
    np.testing.assert_allclose(curve.correlations, expected)
    assert curve.num_samples == 40


def test_one_draw_has_no_known_error():
    curve = ResponseCurve.of_draws(LEVELS, [[0.9, 0.8, 0.1]])
    assert np.isnan(curve.standard_errors).all() and curve.num_samples == 1
    np.testing.assert_array_equal(curve.correlations, [0.0, 0.0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": (0.0, 2.0, 1.0)}, "strictly from the mildest to the worst"),
        ({"means": (0.5, 0.4)}, "expected equal lengths"),
        ({"standard_errors": (0.1, -0.1, 0.1)}, "expected none below 0"),
        ({"num_samples": 0}, "num_samples is 0"),
        ({"correlation": (1.5, 0.0)}, "expected -1 to 1"),
    ],
)
def test_what_is_no_curve_is_refused(options, message):
    numbers = {"levels": LEVELS, "means": (0.9, 0.8, 0.1), "standard_errors": (0.1, 0.1, 0.1), "num_samples": 5}
    with pytest.raises(LowlandError, match=message):
        ResponseCurve.of(**numbers | options)


def test_draws_have_one_value_a_level():
    with pytest.raises(LowlandError, match="at least one draw"):
        ResponseCurve.of_draws(LEVELS, [])
