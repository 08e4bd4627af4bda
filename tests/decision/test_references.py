"""When a recommendation is far behind what another model makes of the same rows."""

import numpy as np
import pandas as pd
import pytest

from lowland.analysis.score import Score
from lowland.decision.references import best_of, far_behind, guess_of, references_of
from tests.made_study.first_day import references

ACCURACY, ERROR = Score.named("accuracy"), Score.named("absolute_error")


def test_the_tables_of_old_studies_have_none():
    assert references_of(None, "jets") == [] == references_of(references("other"), "jets")
    assert far_behind(0.3, [], ACCURACY) is None and guess_of([]) is None and best_of([], ACCURACY) is None


def test_known_models_have_short_names_and_others_their_own():
    table = references().assign(label=["the best answer that does not look", "trees"])
    unknown = table.tail(1).assign(name="forest", label="a random forest")
    labels = [r["label"] for r in references_of(pd.concat([table, unknown]), "jets")]
    assert labels == ["guessing", "gradient boosting", "a random forest"]


@pytest.mark.parametrize("value, ahead", [(0.70, False), (0.696, False), (0.69, True), (0.3, True), (0.9, False)])
def test_a_tenth_of_the_distance_from_the_guess_is_let_pass(value, ahead):
    found = far_behind(value, references_of(references(guess=0.2, boosting=0.75), "jets"), ACCURACY)
    assert (found is not None) == ahead
    assert found is None or found["name"] == "boosting"


@pytest.mark.parametrize("value, ahead", [(22.0, False), (36.0, False), (40.0, True), (160.0, True)])
def test_an_error_is_behind_where_it_is_larger(value, ahead):
    listed = references_of(references(guess=181.0, boosting=22.0), "jets")
    assert (far_behind(value, listed, ERROR) is not None) == ahead


def test_what_a_few_rows_may_do_by_luck_is_not_said():
    listed = references_of(references(guess=0.4, boosting=0.97).assign(standard_error=0.1), "jets")
    assert far_behind(0.89, listed, ACCURACY) is None
    assert far_behind(0.85, listed, ACCURACY) is not None


def test_a_reference_that_is_no_better_than_the_guess_is_no_reference():
    assert far_behind(0.1, references_of(references(guess=0.5, boosting=0.4), "jets"), ACCURACY) is None
    unknown = references().assign(score=np.nan)
    assert far_behind(0.1, references_of(unknown, "jets"), ACCURACY) is None
