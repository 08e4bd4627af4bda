"""Planted relations are found, and where nothing is planted nothing is found more often than chance allows."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lowland.analysis.correlation import COLUMNS, correlations
from lowland.analysis.correlation_summary import beyond_chance, extremes
from lowland.analysis.statuses import not_ok_counts
from tests.made_study.study import Planted, study


def _one(
    table, predictor, condition, *, target="", response="loss_rise", statistic="spearman", scope="within precision"
):
    rows = table[
        (table.predictor == predictor)
        & (table.condition == condition)
        & (table.target == target)
        & (table.response == response)
        & (table.statistic == statistic)
        & (table.scope == scope)
    ]
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.mark.parametrize(
    ("predictor", "condition"),
    [("flip_curvature", "flips"), ("flip_curvature", "bit_error_rate"), ("input_curvature", "gaussian")],
)
@pytest.mark.parametrize("statistic", ["spearman", "kendall"])
def test_planted_relations_are_found(tables, predictor, condition, statistic):
    row = _one(tables.correlations, predictor, condition, statistic=statistic)
    assert row.value > (0.9 if statistic == "spearman" else 0.75)
    assert row.low > 0.5
    assert row.low <= row.value <= row.high <= 1
    assert row.worst_value <= row.value
    assert row.worst_stratum in set(tables.measurements.precision)
    assert (row.num_recipes, row.descriptive, row.status) == (8, False, "ok")


def test_the_matched_curvature_beats_the_baselines(tables):
    for predictor in ("weight_norm", "hessian_trace", "clean_accuracy", "mean_squared_flip"):
        assert abs(_one(tables.correlations, predictor, "flips").value) < 0.85


def test_nothing_planted_nothing_found():
    # Six studies, each with flip and input curvature against four disturbances, all unrelated by construction.
    excluded, intervals = 0, 0
    for seed in range(6):
        measurements = study(planted=Planted(flips=False, noise=False), precisions=("qat8", "qat4", "ptq6"), seed=seed)
        asked = measurements.measure.isin(["flip_curvature", "input_curvature", "loss_rise"])
        table = correlations(measurements[asked], response_measures=("loss_rise",), num_resamples=200)
        rows = table[
            table.predictor.isin(["flip_curvature", "input_curvature"])
            & table.condition.isin(["flips", "gaussian", "salt_and_pepper", "pileup"])
            & (table.statistic == "spearman")
            & (table.scope == "within precision")
        ]
        excluded += int(((rows.low > 0) | (rows.high < 0)).sum())
        intervals += len(rows)
    assert intervals == 48
    assert excluded <= 7


def test_pooled_is_the_plain_coefficient(tables):
    m = tables.measurements
    norm = m[m.measure == "weight_norm"].set_index(["recipe", "seed", "precision"]).value
    drop = (
        m[(m.measure == "accuracy_drop") & (m.condition == "pileup")].set_index(["recipe", "seed", "precision"]).value
    )
    row = _one(tables.correlations, "weight_norm", "pileup", response="accuracy_drop", scope="pooled")
    assert row.value == pytest.approx(stats.spearmanr(norm, drop.reindex(norm.index)).statistic)
    assert row.worst_stratum == ""


def test_the_bit_width_says_nothing_within_one_precision(tables):
    row = _one(tables.correlations, "weight_bits", "flips")
    assert row.status == "undefined"
    assert np.isnan(row.value)
    assert _one(tables.correlations, "weight_bits", "flips", scope="pooled").status == "ok"


def test_what_never_meets_has_no_row(tables):
    t = tables.correlations
    assert not ((t.predictor == "flip_curvature") & (t.condition == "flips") & (t.target == "float32")).any()
    assert list(t.columns) == list(COLUMNS)
    assert not t.duplicated(["family", "condition", "target", "response", "predictor", "statistic", "scope"]).any()


def test_cells_without_a_number_are_counted_and_left_out():
    measurements = study()
    bad = (
        (measurements.measure == "flip_curvature")
        & (measurements.recipe == "plain")
        & (measurements.precision == "qat2")
    )
    measurements.loc[bad, "status"] = "not_converged"
    measurements.loc[bad, "value"] = 1e9
    gone = (measurements.family == "noise") & (measurements.recipe == "clipping") & (measurements.seed == "s2")
    table = correlations(measurements[~gone], num_resamples=50)
    assert _one(table, "flip_curvature", "flips").num_not_ok == 3
    assert _one(table, "flip_curvature", "flips").num_cells == 8 * 3 * 6 - 3
    assert _one(table, "flip_curvature", "flips").value > 0.9
    assert _one(table, "input_curvature", "gaussian").num_not_ok == 7
    assert _one(table, "weight_norm", "flips").num_not_ok == 0
    counts = not_ok_counts(measurements)
    assert counts.to_dict("records") == [
        {"task": "jets", "family": "landscape", "status": "not_converged", "rows": 3, "cells": 3}
    ]


def test_fewer_than_eight_recipes_are_descriptive(small):
    table = correlations(small, num_resamples=20)
    assert table.descriptive.all()
    assert table.low.isna().all()
    assert table.value.notna().any()


def test_the_order_of_the_rows_does_not_matter(small):
    shuffled = small.sample(frac=1, random_state=0).reset_index(drop=True)
    key = ["family", "condition", "target", "response", "predictor", "statistic", "scope"]
    a, b = (correlations(m, num_resamples=20).set_index(key).sort_index() for m in (small, shuffled))
    np.testing.assert_allclose(a.value, b.value)


def test_nothing_disturbed_gives_an_empty_table(small):
    assert list(correlations(small[small.family == "landscape"]).columns) == list(COLUMNS)


def test_extremes_and_chance(tables):
    found = extremes(tables.correlations)
    strongest = found[found.extreme == "strongest"].set_index("family")
    assert strongest.loc["bit_flip", "predictor"] == "flip_curvature"
    assert strongest.loc["noise", "predictor"] == "input_curvature"
    assert len(found) == 6
    counts = beyond_chance(tables.correlations)
    assert 3 <= counts.excluding_zero < counts.intervals / 4 and counts.by_chance == round(counts.intervals / 20)


def test_tasks_are_kept_apart():
    both = pd.concat([study(recipes=("plain", "clipping")), study(recipes=("plain",), task="econ")], ignore_index=True)
    table = correlations(both, num_resamples=10)
    assert table.groupby("task").num_recipes.max().to_dict() == {"econ": 1, "jets": 2}
