"""Churn by cell, configuration and set, and detectors, against planted rates."""

import numpy as np
import pandas as pd
import pytest

from lowland.analysis.stability import (
    ALL_SHIFTED,
    changed_answers,
    changes_of_configurations,
    detectors,
    paired_difference,
)
from tests.made_study.answers import answers


@pytest.fixture(scope="module")
def rows():
    return answers()


def value(changes, **where):
    for name, wanted in where.items():
        changes = changes[changes[name] == wanted]
    (found,) = changes["mean" if "mean" in changes else "value"]
    return found


def test_the_mean_over_shifted_sets_is_that_of_every_cell(rows):
    changes = changed_answers(rows)
    where = {"recipe": "plain", "seed": "s0", "precision": "ptq4", "measure": "churn", "reference_kind": "float"}
    assert value(changes, condition="pileup", **where) == pytest.approx(0.15)
    assert value(changes, condition=ALL_SHIFTED, **where) == pytest.approx(0.05 * 2.5)


def test_one_shifted_set_is_its_own_mean():
    changes = changed_answers(answers(sets={"": 1.0, "smeared": 2.0}))
    assert set(changes.condition) == {"", "smeared"}


def test_a_set_without_a_number_leaves_no_mean(rows):
    lost = rows.copy()
    broken = (lost.condition == "pileup") & (lost.measure == "churn") & (lost.reference_kind == "float")
    lost.loc[broken, ["value", "status"]] = [np.nan, "non_finite"]
    changes = changed_answers(lost)
    means = changes[(changes.condition == ALL_SHIFTED) & (changes.measure == "churn")]
    assert set(means[means.reference_kind == "float"].status) == {"undefined"}
    assert means[means.reference_kind == "float"].value.isna().all()
    assert set(means[means.reference_kind == "seed"].status) == {"ok"}


def test_configurations_are_means_over_seeds_and_pairs_of_seeds_have_no_interval(rows):
    means = changes_of_configurations(changed_answers(rows))
    where = {"recipe": "clipping", "precision": "qat4", "measure": "churn", "condition": "smeared"}
    assert value(means, reference_kind="float", **where) == pytest.approx(0.02 * 0.5 * 2 * 1.1)
    own = means[(means.reference_kind == "float") & (means.measure == "churn")]
    assert (own.low < own["mean"]).all() and (own["mean"] < own.high).all() and (own.low >= 0).all()
    assert means[means.reference_kind == "seed"].low.isna().all()


def test_new_less_repaired_errors_are_the_accuracy_lost(rows):
    means = changes_of_configurations(changed_answers(rows))
    wide = means.pivot_table(
        index=["recipe", "precision", "condition", "reference_kind"], columns="measure", values="mean"
    )
    wide = wide.dropna()
    assert len(wide) and np.allclose(wide.negative_flips - wide.positive_flips, wide.accuracy_lost)


def test_a_paired_difference_is_within_runs_and_its_interval_over_recipes(rows):
    changes = changed_answers(rows)
    mean, low, high, recipes = paired_difference(changes, "qat4", "ptq4")
    by_recipe = [-0.03 * 1.1, -0.03 * 0.5 * 1.1]
    assert mean == pytest.approx(np.mean(by_recipe)) and recipes == 2
    half = 12.706204736 * np.std(by_recipe, ddof=1) / np.sqrt(2)
    assert (low, high) == (pytest.approx(mean - half), pytest.approx(mean + half))
    assert paired_difference(changes, "qat4", "qat8")[3] == 0


def test_detectors_are_counted_by_cells_and_sets(rows):
    table = detectors(rows).set_index("detector")
    assert table.nominal.to_dict() == pytest.approx({"margin": 0.95, "entropy": 0.85})
    assert table.areas.to_dict() == {"margin": 24, "entropy": 24}  # 2 recipes, 2 seeds, 2 precisions, 3 sets
    assert (table.first_ahead["entropy"], table.first_behind["entropy"], table.compared["entropy"]) == (24, 0, 24)
    assert len(detectors(rows, precisions=["fp32"])) == 0


def test_two_runtimes_are_no_further_seeds(rows):
    own = rows[(rows.precision == "qat4") & (rows.recipe == "plain") & (rows.reference_kind == "float")]
    own = own.assign(reference_kind="runtime")
    absent = own.assign(reference="c", value=np.nan, status="undefined")
    twice = [own.assign(reference="onnxruntime"), own.assign(reference="c", value=own.value * 3)]
    where = {"measure": "churn", "condition": ""}
    both = changes_of_configurations(changed_answers(pd.concat(twice)))
    assert value(both, **where) == pytest.approx(2 * 0.022)
    assert set(both.num_seeds) == {2}
    alone = changes_of_configurations(changed_answers(pd.concat([twice[0], absent])))
    assert value(alone, **where) == pytest.approx(0.022) and set(alone.num_seeds) == {2}


def test_a_comparison_without_an_error_is_none(rows):
    first = rows[rows.measure == "detection_advantage"].index[:5]
    lost = rows.copy()
    lost.loc[first, ["value", "standard_error"]] = [0.0, 0.0]
    entropy = detectors(lost).set_index("detector").loc["entropy"]
    assert (entropy.compared, entropy.first_ahead, entropy.first_behind) == (19, 19, 0)


def test_a_table_without_comparisons_has_none(tiny):
    assert changed_answers(tiny).empty and detectors(tiny).empty
    assert changes_of_configurations(changed_answers(tiny)).empty
