"""A study in which some recipes are fine-tuned with quantizers and the others are not."""

import pytest

from tests.made_study.study import RECIPES, study
from tests.made_study.tables import Tables

TUNED = RECIPES[:3]


@pytest.fixture(scope="module")
def tables():
    rows = study(seeds=("s0", "s1"), precisions=("fp32", "qat8", "ptq8"))
    here = (rows.method != "qat") | rows.recipe.isin(TUNED)
    paired = (rows.reference == "") | here
    return Tables.of(rows[here & paired].reset_index(drop=True), num_resamples=20)


def test_correlations_take_each_precision_with_the_recipes_that_it_has(tables):
    found = tables.correlations
    within = found[(found.predictor == "flip_curvature") & (found.scope == "within precision")]
    assert set(within.num_recipes) == {len(RECIPES)} and not within.num_not_ok.any()
    cells = 2 * (len(RECIPES) + len(TUNED))  # two seeds; one precision of all, one of the tuned
    assert set(within[within.condition == "flips"].num_cells) == {cells}


def test_what_was_never_meant_to_be_is_no_failure(tables):
    page = tables.report()
    assert "nothing failed" in page
    assert set(tables.pareto[tables.pareto.method == "qat"].recipe) <= set(TUNED)
