import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.robustness.half_life import HalfLifeOptions, half_life, half_life_of_draws, half_life_of_scores, halfway
from lowland.robustness.response_curve import ResponseCurve

LEVELS = (0, 5, 10, 20, 30, 50)
MEANS = (0.9, 0.9, 0.8, 0.6, 0.4, 0.2)
ERRORS = (0.0, 0.01, 0.02, 0.02, 0.02, 0.02)


def found(levels=LEVELS, means=MEANS, errors=ERRORS, **options):
    of_curve = {name: options.pop(name) for name in ("num_samples", "correlation") if name in options}
    curve = ResponseCurve.of(levels, means, errors, **({"num_samples": 30} | of_curve))
    return half_life(curve, **({"floor": 0.7} | options))


def test_a_falling_curve_is_interpolated():
    result = found()
    assert result.value == pytest.approx(15)
    assert (result.crossing, result.status) == ("within", "ok")
    assert result.lower < 15 < result.upper
    assert result.standard_error == pytest.approx(0.02 / 0.02)  # the metric's error over 0.02 per level
    assert result.estimate() == Estimate(result.value, result.standard_error, 30)


def test_a_rising_loss_is_the_same_upside_down():
    loss = found(means=[-m for m in MEANS], floor=-0.7, higher_is_better=False)
    straight = found()
    assert (loss.value, loss.lower, loss.upper) == pytest.approx((straight.value, straight.lower, straight.upper))


def test_bits_count_down():
    result = found((8, 6, 4, 2), (0.9, 0.9, 0.8, 0.4), (0.01,) * 4, floor=0.6)
    assert result.value == pytest.approx(3)
    assert 2 < result.lower < 3 < result.upper < 4
    robust = found((8, 6, 4, 2), (0.9, 0.9, 0.8, 0.7), (0.01,) * 4, floor=0.6)
    assert (robust.value, robust.crossing, robust.lower, robust.upper) == (2, "never", 0, 2)


@pytest.mark.parametrize(
    "levels, options, expected",
    [
        ((0.001, 0.01, 0.1), {}, 10**-1.5),
        ((0.001, 0.01, 0.1), {"scale": "linear"}, 0.055),
        ((0, 0.01, 1.0), {}, 0.1),
        ((0, 5, 10), {"scale": "auto"}, 7.5),
        ((0, 5, 10), {"scale": "log"}, math.sqrt(50)),
    ],
)
def test_levels_that_span_decades_are_interpolated_by_their_logarithms(levels, options, expected):
    assert found(levels, (0.9, 0.8, 0.6), (0.01,) * 3, **options).value == pytest.approx(expected)


def test_below_the_first_positive_level_interpolation_is_linear():
    assert found((0, 0.01, 1.0), (0.9, 0.5, 0.1), (0.01,) * 3).value == pytest.approx(0.005)


def test_bumps_are_pooled():
    bumpy = found((0, 10, 20, 30), (0.9, 0.6, 0.8, 0.3), (0.01,) * 4, floor=0.5)
    assert bumpy.value == pytest.approx(found((0, 10, 20, 30), (0.9, 0.7, 0.7, 0.3), (0.01,) * 4, floor=0.5).value)
    around = found((0, 10, 20, 30), (0.9, 0.6, 0.8, 0.3), (0.01,) * 4, floor=0.7)  # the line crosses three times
    assert around.lower < 10 < 20 < around.upper


def test_curves_that_never_get_there_give_the_last_level_as_a_bound():
    result = found(floor=0.1)
    assert (result.value, result.crossing, result.status, result.upper) == (50, "never", "not_converged", math.inf)
    assert result.lower == 50  # surely beyond the last level
    nearly = found(floor=0.19)
    assert nearly.crossing == "never" and 30 < nearly.lower < 50


def test_curves_that_begin_below_give_the_first_level_as_a_bound():
    result = found(floor=0.95)
    assert (result.value, result.crossing, result.status) == (0, "already", "undefined")
    assert (result.lower, result.upper) == (0, 0)
    assert found(LEVELS[1:], MEANS[1:], ERRORS[1:], floor=0.95).value == 5


def test_a_last_level_that_is_not_clearly_below_leaves_the_interval_open():
    result = found(floor=0.21)
    assert result.crossing == "within" and result.upper == math.inf and result.lower > 40


def test_exact_curves_have_exact_half_lives():
    result = found(errors=(0.0,) * 6, num_samples=1)
    assert (result.value, result.lower, result.upper, result.standard_error) == pytest.approx((15, 15, 15, 0), abs=1e-5)
    assert result.status == "ok"


def test_numbers_that_are_missing_are_said_to_be():
    single = found(errors=(math.nan,) * 6, num_samples=1)
    assert single.value == pytest.approx(15)
    assert single.status == "undefined" and math.isnan(single.lower) and math.isnan(single.upper)
    broken = found(means=(0.9, 0.9, math.nan, 0.6, 0.4, 0.2))
    assert broken.status == "non_finite" and math.isnan(broken.value) and broken.crossing == "unknown"
    assert broken.estimate().status == "non_finite"


def test_the_middle_of_clean_and_chance():
    assert halfway(0.8, 0.2) == pytest.approx(0.5)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=8),
    st.floats(0, 0.2),
    st.floats(0.05, 0.95),
    st.floats(0, 1),
    st.booleans(),
)
def test_the_value_lies_in_its_interval_and_within_the_levels(means, error, floor, correlation, falling):
    levels = [float(i) for i in range(len(means))]
    result = found(
        levels[::-1] if falling else levels, means, [error] * len(means), floor=floor, correlation=correlation
    )
    assert levels[0] <= result.value <= levels[-1]
    if result.crossing == "within":
        assert result.lower - 1e-9 <= result.value <= result.upper + 1e-9


CURVES = [
    ((0, 5, 10, 20, 30, 50), (0.92, 0.91, 0.85, 0.65, 0.5, 0.35), 0.06, 17.5),
    ((1e-4, 1e-3, 1e-2, 1e-1), (0.9, 0.85, 0.55, 0.3), 0.1, 10**-2.5),
    ((0, 10, 20, 30), (0.75, 0.72, 0.68, 0.3), 0.05, 15.0),  # nearly flat where it crosses
]


def simulated(levels, truth, spread, *, num_draws, common, simulations=300):
    """Curves of several draws whose errors are common to all levels by so large a share of their variance."""
    source = np.random.default_rng(7)
    for _ in range(simulations):
        shared, own = source.normal(size=(num_draws, 1)), source.normal(size=(num_draws, len(levels)))
        yield np.asarray(truth) + spread * (math.sqrt(common) * shared + math.sqrt(1 - common) * own)


@pytest.mark.parametrize("num_draws, common", [(3, 0.0), (3, 1.0), (8, 0.5)])
@pytest.mark.parametrize("levels, truth, spread, expected", CURVES)
def test_intervals_of_draws_hold_the_true_level_as_often_as_they_say(
    levels, truth, spread, expected, num_draws, common
):
    results = [
        half_life_of_draws(levels, samples, floor=0.7)
        for samples in simulated(levels, truth, spread, num_draws=num_draws, common=common)
    ]
    assert 0.92 <= np.mean([result.lower <= expected <= result.upper for result in results]) <= 0.98


@pytest.mark.parametrize("num_draws, common", [(5, 1.0), (20, 0.0)])
@pytest.mark.parametrize("levels, truth, spread, expected", CURVES)
def test_intervals_of_means_hold_it_where_the_correlation_is_right(levels, truth, spread, expected, num_draws, common):
    held = 0
    for samples in simulated(levels, truth, spread, num_draws=num_draws, common=common):
        errors = samples.std(axis=0, ddof=1) / math.sqrt(num_draws)
        result = found(levels, samples.mean(axis=0), errors, num_samples=num_draws, correlation=common)
        held += result.lower <= expected <= result.upper
    assert 0.92 <= held / 300 <= 0.98


def test_draws_are_means_errors_and_correlations():
    samples = next(simulated(*CURVES[0][:3], num_draws=6, common=0.5))
    by_draws = half_life_of_draws(CURVES[0][0], samples, floor=0.7)
    errors = samples.std(axis=0, ddof=1) / math.sqrt(6)
    between = [np.corrcoef(samples[:, i], samples[:, i + 1])[0, 1] for i in range(5)]
    curve = ResponseCurve.of(CURVES[0][0], samples.mean(axis=0), errors, num_samples=6, correlation=between)
    by_means = half_life(curve, floor=0.7)
    for name in ("value", "lower", "upper", "standard_error"):
        assert getattr(by_draws, name) == pytest.approx(getattr(by_means, name))


def test_a_clean_level_that_is_alike_in_all_draws_and_a_single_draw():
    result = half_life_of_draws((0, 10, 20), [[0.9, 0.8, 0.5], [0.9, 0.7, 0.6], [0.9, 0.75, 0.5]], floor=0.65)
    assert result.status == "ok" and result.lower <= result.value <= result.upper
    assert half_life_of_draws((0, 10), [[0.9, 0.5]], floor=0.7).status == "undefined"


def test_scores_of_rows_are_averaged_over_draws_or_are_the_sample_themselves():
    source = torch.Generator().manual_seed(0)
    levels = (0, 10, 20)
    scores = [[(torch.rand(50, generator=source) < p).float() for _ in range(4)] for p in (0.9, 0.7, 0.3)]
    means = [[float(draws[number].double().mean()) for draws in scores] for number in range(4)]
    assert half_life_of_scores(levels, scores, floor=0.5) == half_life_of_draws(levels, means, floor=0.5)
    single = [draws[:1] for draws in scores]
    by_row = half_life_of_scores(levels, single, floor=0.5)
    assert by_row == half_life_of_draws(levels, torch.stack([draws[0] for draws in single], 1).tolist(), floor=0.5)
    assert by_row.status == "ok" and by_row.num_samples == 50


def test_the_floor_is_a_score_or_halfway_to_guessing():
    assert HalfLifeOptions(floor="halfway").of(0.9, 0.2) == pytest.approx(0.55)
    assert HalfLifeOptions(floor=0.6).of(0.9, 0.2) == 0.6
    with pytest.raises(ValidationError, match="halfway"):
        HalfLifeOptions(floor="half")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"levels": (0, 5)}, "expected equal lengths of at least 2"),
        ({"levels": (0, 10, 5, 20, 30, 50)}, "strictly from the mildest to the worst"),
        ({"levels": (-5, 0, 5, 20, 30, 50)}, "expected them at least 0, strictly"),
        ({"errors": (-0.1,) * 6}, "expected none below 0"),
        ({"floor": math.nan}, "floor is nan"),
        ({"num_samples": 0}, "num_samples is 0"),
        ({"correlation": 2}, "correlation is 2; expected -1 to 1"),
        ({"correlation": (0.5, 0.5)}, "one number or 5 between the levels"),
        ({"confidence": 1}, "confidence is 1"),
        ({"scale": "square"}, "scale is 'square'; expected auto, linear or log"),
    ],
)
def test_nonsense_is_refused(options, message):
    with pytest.raises(LowlandError, match=message):
        found(**options)


def test_draws_without_levels_are_refused():
    with pytest.raises(LowlandError, match=r"draws have shape \(2,\); expected \[draws, levels\]"):
        half_life_of_draws((0, 5), [0.9, 0.5], floor=0.7)
