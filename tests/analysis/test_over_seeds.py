"""Means over seeds and their t-intervals."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lowland.analysis.criteria import SIZE, Criterion, clean_criterion
from lowland.analysis.over_seeds import configurations, over_seeds, with_test_rows
from lowland.analysis.score import Score

CLEAN = clean_criterion(Score.named("accuracy"))


def _values(values, status=None):
    return pd.DataFrame({"name": "a", "value": values, "status": status or ["ok"] * len(values)})


def test_the_interval_is_students():
    values = [0.71, 0.74, 0.72]
    row = over_seeds(_values(values), by=["name"]).iloc[0]
    low, high = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    assert (row["mean"], row.low, row.high) == pytest.approx((np.mean(values), low, high))
    assert (row.num_seeds, row.num_not_ok) == (3, 0)


def test_one_seed_has_no_interval():
    row = over_seeds(_values([0.7]), by=["name"]).iloc[0]
    assert row["mean"] == 0.7
    assert np.isnan(row.low)
    assert np.isnan(row.high)


def test_what_is_not_ok_is_counted_and_not_used():
    row = over_seeds(_values([0.7, 0.8, 9.0], ["ok", "ok", "failed"]), by=["name"]).iloc[0]
    assert row["mean"] == pytest.approx(0.75)
    assert (row.num_seeds, row.num_not_ok) == (2, 1)


def test_sizes_are_counted_not_estimated(small):
    found = configurations(small, [CLEAN, SIZE])
    sizes = found[found.criterion == "size"]
    assert (sizes.low == sizes["mean"]).all()
    assert (sizes.high == sizes["mean"]).all()
    assert len(found) == 2 * 2 * 3


def test_a_threshold_is_held_against_seeds_test_rows_and_draws(small):
    flips = Criterion("b", "b", "bit_flip", "accuracy", "bit_error_rate", level=1e-3)
    shift = Criterion("p", "p", "shift", "accuracy", "pileup")
    table = small.copy()
    table.loc[table.condition == "pileup", ["num_samples", "standard_error"]] = [300, 0.02]
    table.loc[table.condition.str.endswith("bit_error_rate"), "standard_error"] = 0.01
    criteria = [CLEAN, SIZE, flips, shift]
    seeds = configurations(table, criteria)
    found = with_test_rows(seeds, table, criteria)
    assert found.seeds_low.equals(seeds.low)
    assert found.seeds_high.equals(seeds.high)
    # Of the test set and of a shifted one the standard error is that of the rows: not to be counted twice.
    for criterion, num_rows, over_draws in (("score", 5000, 0), ("b", 5000, 0.01), ("p", 300, 0)):
        row = found[found.criterion == criterion].iloc[0]
        a = row["mean"]
        half = np.hypot(row.half, stats.norm.ppf(0.975) * np.sqrt(a * (1 - a) / num_rows + over_draws**2))
        for end in (row.low, row.high):
            assert (a - end) ** 2 == pytest.approx(half**2 / (a * (1 - a)) * end * (1 - end), rel=1e-9)
        assert row.low < row.seeds_low
    sizes = found[found.criterion == "size"]
    assert sizes.low.equals(sizes.seeds_low)
    assert sizes.high.equals(sizes.seeds_high)


def test_label_shift_is_over_draws_of_the_test_rows(small):
    shift = Criterion("l", "l", "shift", "accuracy", "label_shift", level=10)
    table = small.copy()
    rows = table.condition == "pileup"
    table.loc[rows, ["condition", "level", "num_samples", "standard_error"]] = ["label_shift", 10.0, 5, 0.01]
    row = with_test_rows(configurations(table, [shift]), table, [shift]).iloc[0]
    a, z = row["mean"], stats.norm.ppf(0.975)
    half = np.hypot(row.half, z * np.sqrt(a * (1 - a) / 5000 + 0.01**2))
    assert (row.high - a) ** 2 == pytest.approx(half**2 / (a * (1 - a)) * row.high * (1 - row.high))


def test_errors_over_draws_are_common_to_the_seeds_and_do_not_average_out(small):
    flips = Criterion("b", "b", "bit_flip", "accuracy", "bit_error_rate", level=1e-3)
    rows = (small.condition == "bit_error_rate") & (small.measure == "accuracy") & (small.precision == "qat4")
    table = small.copy()
    table.loc[rows, "standard_error"] = np.where(table.seed[rows] == "s0", 0.03, 0.01)
    found = with_test_rows(configurations(table, [flips]), table, [flips])
    row = found[(found.precision == "qat4") & (found.recipe == "plain")].iloc[0]
    a, z = row["mean"], stats.norm.ppf(0.975)
    variance = a * (1 - a) / 5000 + (0.03**2 + 0.01**2) / 2
    half = np.hypot(row.half, z * np.sqrt(variance))
    assert (row.high - a) ** 2 == pytest.approx(half**2 / (a * (1 - a)) * row.high * (1 - row.high))


def test_without_a_number_of_test_rows_there_is_no_interval(small):
    found = with_test_rows(configurations(small, [CLEAN]), small.assign(num_samples=0), [CLEAN])
    assert found.low.isna().all()
    assert found.seeds_low.notna().all()
