"""Half-lives over seeds: bounds are never averaged as if they were values."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lowland.analysis.half_lives import compare_half_lives, half_lives
from lowland.measurements import COLUMNS


def rows(entries, *, precision="qat4", condition="bit_error_rate", family="bit_flip", target="", error=0.0):
    """One row a seed of (value, status), all with the same standard error."""
    table = [
        (
            "jets",
            "plain",
            f"s{i}",
            precision,
            "qat",
            4,
            4,
            family,
            "half_life",
            condition,
            target,
            np.nan,
            "",
            "test",
            "",
            "",
            v,
            error,
            8,
            s,
        )
        for i, (v, s) in enumerate(entries)
    ]
    return pd.DataFrame.from_records(table, columns=list(COLUMNS))


def one(entries, **options):
    return half_lives(rows(entries, **options)).iloc[0]


def test_rates_are_averaged_by_their_logarithm():
    found = one([(1e-4, "ok"), (1e-2, "ok")])
    half = stats.t.ppf(0.975, 1) * np.std(np.log([1e-4, 1e-2]), ddof=1) / np.sqrt(2)
    assert (found.value, found.kind) == (pytest.approx(1e-3), "mean")
    assert (found.low, found.high) == (pytest.approx(1e-3 * np.exp(-half)), pytest.approx(1e-3 * np.exp(half)))


def test_per_cent_are_averaged_as_they_are():
    assert one([(10.0, "ok"), (30.0, "ok")], condition="gaussian", family="noise").value == pytest.approx(20)


def test_errors_over_draws_are_common_to_the_seeds_and_add_to_their_spread():
    found = one([(10.0, "ok"), (14.0, "ok")], condition="gaussian", family="noise", error=3.0)
    assert found.high - found.value == pytest.approx(stats.t.ppf(0.975, 1) * np.sqrt(8 / 2 + 9))
    assert found.value - found.low == pytest.approx(found.high - found.value)


def test_errors_of_rates_are_taken_over_to_the_logarithm():
    found = one([(1e-3, "ok"), (1e-3, "ok")], error=2e-4)
    assert np.log(found.high / found.value) == pytest.approx(stats.t.ppf(0.975, 1) * 0.2)


def test_a_single_seed_has_the_interval_of_its_draws():
    found = one([(10.0, "ok")], condition="gaussian", family="noise", error=1.0)
    assert (found.low, found.high) == (pytest.approx(10 - 1.96, abs=1e-3), pytest.approx(10 + 1.96, abs=1e-3))
    assert np.isnan(one([(10.0, "ok")], error=np.nan).low)


def test_a_median_of_values_and_bounds_has_its_least_and_greatest_seed():
    frame = rows([(2.0, "not_converged"), (2.2, "ok"), (2.3, "ok")], condition="requantization", family="sensor_fault")
    (row,) = compare_half_lives(half_lives(frame), recipe="plain", precisions=("qat4",))
    (life,) = row.half_lives
    assert (life.value, life.kind, life.low, life.high, life.num_bounds) == (2.2, "median", 0, 2.3, 1)


@pytest.mark.parametrize(
    ("entries", "value", "kind", "low", "high"),
    [
        ([(0.1, "not_converged")] * 3, 0.1, "beyond", 0.1, np.inf),
        ([(0.01, "ok"), (0.1, "not_converged"), (0.1, "not_converged")], 0.1, "beyond", 0.01, np.inf),
        ([(0.01, "ok"), (0.02, "ok"), (0.1, "not_converged")], 0.02, "median", 0.01, np.inf),
        ([(1e-4, "undefined"), (1e-4, "undefined"), (0.02, "ok")], 1e-4, "before", 0, 0.02),
        ([(0.02, "ok"), (0.1, "not_converged")], 0.02, "beyond", 0.02, np.inf),
        ([(1e-4, "undefined"), (0.02, "ok")], 0.02, "before", 0, 0.02),
    ],
)
def test_a_bound_is_no_value(entries, value, kind, low, high):
    found = one(entries)
    assert (found.value, found.kind, found.low, found.high) == (value, kind, low, high)
    assert found.num_bounds == sum(status != "ok" for _, status in entries)


def test_seeds_on_both_sides_and_failures_give_no_number():
    assert one([(1e-4, "undefined"), (0.1, "not_converged")]).kind == "missing"
    failed = one([(np.nan, "non_finite"), (0.01, "ok")])
    assert (failed.value, failed.num_seeds, failed.num_not_ok) == (pytest.approx(0.01), 1, 1)


def test_of_an_adc_fewer_bits_are_harder():
    found = one([(2.0, "not_converged")] * 2 + [(3.0, "ok")], condition="requantization", family="sensor_fault")
    assert (found.value, found.kind, found.low, found.high) == (2, "beyond", 0, 3)
    table = compare_half_lives(
        half_lives(rows([(2.0, "not_converged")], condition="requantization", family="sensor_fault")),
        recipe="plain",
        precisions=("qat4",),
    )
    assert table[0].half_lives[0].kind == "beyond" and table[0].unbroken


def test_the_toughest_are_the_hardest_and_whatever_overlaps():
    frame = pd.concat(
        [
            rows([(1.0e-3, "ok"), (1.1e-3, "ok"), (1.2e-3, "ok")], precision="qat8"),
            rows([(1.1e-3, "ok"), (1.2e-3, "ok"), (1.3e-3, "ok")], precision="qat4"),
            rows([(1.0e-5, "ok"), (1.1e-5, "ok"), (1.2e-5, "ok")], precision="qat2"),
            rows([(1.0e-5, "ok"), (1.1e-5, "ok")], precision="fp32", condition="bit_error_rate", target="float32"),
        ]
    )
    (row,) = compare_half_lives(half_lives(frame), recipe="plain", precisions=("fp32", "qat8", "qat4", "qat2", "ptq8"))
    assert row.toughest == (False, True, True, False, False)
    assert (row.half_lives[4], row.unbroken, row.target) == (None, False, "")


def test_where_nothing_can_be_told_apart_nobody_is_toughest():
    frame = pd.concat([rows([(1e-3, "ok")], precision=p) for p in ("qat8", "qat4")])
    (row,) = compare_half_lives(half_lives(frame), recipe="plain", precisions=("qat8", "qat4"))
    assert not any(row.toughest)


def test_an_older_study_has_none(small):
    assert half_lives(small).empty
    assert compare_half_lives(half_lives(small), recipe="plain", precisions=("qat4",)) == []
