"""From a known study to predicted cells: what is predicted, from what, for which cells, and how it is told."""

import json

import numpy as np
import pandas as pd
import pytest

from lowland.analysis.criteria import CELL
from lowland.analysis.screening.answer import NOT_BETTER, USABLE, answer
from lowland.analysis.screening.cells import Known, screened
from lowland.analysis.screening.features import features, to_be_deployed
from lowland.analysis.screening.options import ScreeningOptions
from lowland.analysis.screening.truths import truths
from tests.made_study.tables import small_study, tiny_study

OPTIONS = ScreeningOptions(
    known=None, known_screened=None, epochs_share=1.0, source="float", model="ridge", worth_share=0.5, confidence=0.9
)


def halved(table):
    """With the rows that choose, a little worse than those that tell."""
    told = table[table.split == "test"]
    chosen = told.assign(split="selection", value=told.value.where(told.measure != "accuracy", told.value - 0.01))
    return pd.concat([table[table.split != "selection"], chosen], ignore_index=True)


@pytest.fixture(scope="module")
def known():
    table = halved(small_study())
    recipes = table.recipe[table.precision != ""].unique()
    return Known(table, {str(name): str(name).split("_")[0] for name in recipes}, table)


def test_truths_are_means_over_levels_of_either_half_with_the_better_larger():
    table = halved(tiny_study())
    found = truths(table)
    assert set(found.method) == {"qat", "ptq"} and found.halved.all() and found.in_points.all()
    left = found[found.truth == "accuracy gaussian"].set_index(["recipe", "seed", "precision"])
    rows = table[(table.condition == "gaussian") & (table.measure == "accuracy") & (table.split == "test")]
    means = rows.groupby(["recipe", "seed", "precision"]).value.mean()
    assert left.test.to_dict() == pytest.approx(means.loc[left.index].to_dict())
    assert np.allclose(left.selection, left.test - 0.01)
    lost = found[found.kind == "lost"]
    assert len(lost) and (lost.test <= 0.05).all(), "what is lost counts against a cell"


def test_a_cell_has_the_measures_of_its_own_run_and_the_bits_of_its_precision(known):
    wanted = to_be_deployed(known.measurements)
    found = features(known.measurements, wanted, source="float")
    assert len(found) == len(wanted) == len(found.drop_duplicates(CELL))
    assert (found.bits == found.weight_bits).all() and np.allclose(found.step, 2.0**-found.bits)
    assert found.tuned.tolist() == [float(method == "qat") for method in found.method]
    by_run = found.groupby(["recipe", "seed"])["hessian_trace"].nunique()
    assert (by_run == 1).all(), "all cells of a run have one float network"
    copies = features(known.measurements, wanted, source="ptq")
    assert copies.groupby(["recipe", "seed"])["hessian_trace"].nunique().max() >= 1
    assert copies.drop(columns=CELL).notna().all().all()


def test_every_wanted_cell_is_predicted_by_every_truth_and_few_are_worth_training(known):
    table, records = screened(known, known.measurements, to_be_deployed(known.measurements), OPTIONS)
    wanted = to_be_deployed(known.measurements)
    assert len(table) == len(wanted) * table.truth.nunique() and (table.status == "ok").all()
    assert (table.low <= table.predicted).all() and (table.predicted <= table.high).all()
    assert set(table.extrapolated) == {""} and {record["truth"] for record in records} == set(table.truth)
    groups = table[table.worth_training].groupby(["task", "truth", "precision"]).recipe.nunique()
    every = table.groupby(["task", "truth", "precision"]).recipe.nunique()
    assert (groups <= (every * 0.5).round().clip(lower=1)).all() and groups.sum() > 0


def test_a_run_that_gave_no_measure_has_no_prediction_and_says_so(known):
    wanted = to_be_deployed(known.measurements)
    some = known.measurements[(known.measurements.recipe == "plain") | (known.measurements.precision == "")]
    table, _ = screened(known, some, wanted, OPTIONS)
    failed = table[table.status == "failed"]
    assert set(failed.recipe) == set(wanted.recipe) - {"plain"} and not failed.worth_training.any()


def test_where_no_run_gave_a_measure_all_cells_have_failed(known):
    bare = known.measurements[~known.measurements.family.isin(["landscape", "performance", "disagreement"])]
    wanted = to_be_deployed(known.measurements)
    table, records = screened(known, bare, wanted, OPTIONS)
    assert len(table) == len(wanted) and (table.status == "failed").all() and not table.worth_training.any()
    assert records == [] and answer(table, records, OPTIONS)["num_failed"] == len(wanted)


def test_the_answer_names_recipes_and_how_far_they_are_to_be_trusted(known):
    table, records = screened(known, known.measurements, to_be_deployed(known.measurements), OPTIONS)
    said = answer(table, records, OPTIONS)
    assert json.loads(json.dumps(said)) == said
    (task,) = said["worth_training"]
    for by_precision in said["worth_training"][task].values():
        for recipes in by_precision.values():
            predicted = [entry["predicted"] for entry in recipes]
            assert predicted == sorted(predicted, reverse=True)
    assert {entry["told"] for entry in said["held_out_families"]} <= {USABLE, NOT_BETTER}
    assert said["num_failed"] == 0 and said["extrapolated"] == []
