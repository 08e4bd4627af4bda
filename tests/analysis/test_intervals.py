"""Intervals end where the score does, and cover the truth."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lowland.analysis.intervals import bounded_interval, normal_quantile, t_interval, t_quantile
from lowland.analysis.over_seeds import over_seeds

Z = normal_quantile(0.95)


def _interval(mean, half, **options):
    low, high = bounded_interval(pd.Series([mean]), pd.Series([half]), **options)
    return float(low.iloc[0]), float(high.iloc[0])


def test_a_share_of_test_rows_alone_has_wilsons_interval():
    for right, rows in ((10, 10), (0, 10), (27, 30), (1, 500)):
        found = _interval(right / rows, 0.0, ends="zero and one", own=Z**2 / rows)
        wilson = stats.binomtest(right, rows).proportion_ci(method="wilson")
        assert found == pytest.approx((wilson.low, wilson.high), abs=1e-12)


@pytest.mark.parametrize("values", [(0.99, 0.9), (1.0, 0.97, 1.0), (0.0, 0.02), (1.0, 1.0), (0.5, 0.9, 0.7, 0.8)])
def test_no_share_leaves_its_range(values):
    frame = pd.DataFrame({"name": "a", "value": values, "status": "ok"})
    row = over_seeds(frame, by=["name"], ends="zero and one").iloc[0]
    assert 0 <= row.low <= row["mean"] <= row.high <= 1
    low, high = t_interval(values, ends="zero and one")[1:]
    assert (low, high) == pytest.approx((row.low, row.high))


@pytest.mark.parametrize("values", [(0.01, 0.3), (5.0, 150.0, 30.0), (0.0, 0.0)])
def test_no_error_is_below_zero(values):
    frame = pd.DataFrame({"name": "a", "value": values, "status": "ok"})
    row = over_seeds(frame, by=["name"], ends="zero").iloc[0]
    assert 0 <= row.low <= row["mean"] <= row.high
    assert row.low + row.high >= 2 * row["mean"], "bent upwards"


def test_far_from_the_ends_it_is_the_plain_one():
    for ends, mean in (("zero and one", 0.5), ("zero", 100.0)):
        low, high = _interval(mean, 0.01 * mean, ends=ends)
        assert (low, high) == pytest.approx((0.99 * mean, 1.01 * mean), rel=1e-3)
    assert _interval(0.5, 0.7, ends="none") == pytest.approx((-0.2, 1.2))


def test_what_is_unknown_stays_unknown():
    for ends in ("zero", "zero and one", "none"):
        assert np.isnan(_interval(1.0, np.nan, ends=ends)).all()
    assert np.isnan(_interval(0.5, 0.1, ends="zero and one", own=np.nan)).all()


@pytest.mark.parametrize("num_rows", [50, 1000])
@pytest.mark.parametrize("num_seeds", [2, 3, 5])
@pytest.mark.parametrize("truth, spread", [(0.7, 0.02), (0.95, 0.01), (0.98, 0.005), (0.98, 0.0)])
def test_ninety_five_of_a_hundred_studies_cover_the_truth(truth, spread, num_seeds, num_rows):
    """Seeds differ by a little and all meet the same test rows; the plain interval covers a third at worst."""
    rng, repeats = np.random.default_rng(0), 1000
    seeds = np.full((repeats, num_seeds), truth)
    if spread:
        strength = truth * (1 - truth) / spread**2 - 1
        seeds = rng.beta(truth * strength, (1 - truth) * strength, (repeats, num_seeds))
    hardness = rng.random((repeats, num_rows, 1))  # of the rows, common to the seeds
    shares = (hardness < seeds[:, None, :]).mean(1)
    mean = pd.Series(shares.mean(1))
    half = pd.Series(stats.t.ppf(0.975, num_seeds - 1) * shares.std(1, ddof=1) / np.sqrt(num_seeds))
    low, high = bounded_interval(mean, half, ends="zero and one", own=Z**2 / num_rows)
    assert ((low <= truth) & (truth <= high)).mean() > 0.91
    assert low.min() >= 0 and high.max() <= 1


@pytest.mark.parametrize("num_seeds", [2, 3, 5])
def test_intervals_of_errors_cover_the_truth(num_seeds):
    rng = np.random.default_rng(1)
    errors = rng.gamma(25, 1 / 25, (4000, num_seeds))  # a fifth of their mean apart
    half = pd.Series(stats.t.ppf(0.975, num_seeds - 1) * errors.std(1, ddof=1) / np.sqrt(num_seeds))
    low, high = bounded_interval(pd.Series(errors.mean(1)), half, ends="zero")
    assert ((low <= 1) & (high >= 1)).mean() == pytest.approx(0.95, abs=0.015)


def test_students_t_is_the_textbooks_and_unknown_without_freedom():
    assert t_quantile(0.95, [1, 2, 10]) == pytest.approx([12.706, 4.303, 2.228], abs=1e-3)
    assert np.isnan(t_quantile(0.95, 0)) and np.isnan(t_quantile(0.95, np.nan))
