"""Equal count and equal rate: who is toughest, and who cannot be told from it."""

import numpy as np
import pandas as pd
import pytest

from lowland.analysis.flip_comparison import LOST, compare_precisions, flip_verdicts
from lowland.analysis.intervals import t_interval
from tests.made_study.flips import TOUGH5, TOUGH8, flipped


def test_means_over_recipes_with_seeds_averaged_first():
    found = compare_precisions(flipped({"qat8": (0.1, 0.2, 0.3)}))
    row = found[found.level == 1].iloc[0]
    assert (row["mean"], row.low, row.high) == pytest.approx(t_interval([0.1, 0.2, 0.3], ends="zero and one"))
    assert row.num_recipes == 3


def test_intervals_end_where_the_score_does():
    left, dropped = flipped({"qat8": (0.98, 0.97, 0.90)}), flipped({"qat8": (0.01, 0.0, 0.05)}, measure="accuracy_drop")
    found = compare_precisions(left)
    assert (found.high < 1).all() and (found.low > 0).all()
    lost = compare_precisions(pd.concat([left, dropped], ignore_index=True), of=LOST)
    assert (lost.low < 0).all()  # a disturbance may help


def test_ties_are_judged_recipe_by_recipe():
    # qat5 is better than qat8 by the same bit in every recipe, and better than qat2 only in some.
    found = compare_precisions(
        flipped({"qat8": (0.89, 0.79, 0.688), "qat5": (0.9, 0.8, 0.7), "qat2": (0.7, 0.9, 0.79)})
    )
    averaged = found[found.level.isna()].set_index("precision")
    assert averaged.toughest.to_dict() == {"qat8": False, "qat5": True, "qat2": False}
    assert averaged.tied.to_dict() == {"qat8": False, "qat5": True, "qat2": True}


def test_an_average_needs_every_level():
    both = pd.concat([flipped({"qat8": (0.1, 0.2)}), flipped({"qat8": (0.3,)}, level=10.0)])
    averaged = compare_precisions(both)
    row = averaged[averaged.level.isna()].iloc[0]
    assert (row["mean"], row.num_recipes) == (pytest.approx(0.2), 1)


def test_precisions_are_compared_over_the_recipes_that_all_of_them_have():
    # qat8 and qat2 had the two good recipes only; recipe by recipe qat5 is the toughest.
    left = {"qat8": (0.79, 0.7899), "qat5": (0.8, 0.8, 0.1, 0.1), "qat2": (0.5, 0.52)}
    found = compare_precisions(flipped(left))
    averaged = found[found.level.isna()].set_index("precision")
    assert averaged["mean"].to_dict() == pytest.approx({"qat8": 0.78995, "qat5": 0.8, "qat2": 0.51})
    assert averaged.toughest.to_dict() == {"qat8": False, "qat5": True, "qat2": False}
    assert set(averaged.num_recipes) == {2}
    (verdict,) = flip_verdicts(found)
    assert {entry.num_recipes for entry in verdict.entries} == {2} and verdict.average.middle == "yes"


def test_without_a_common_recipe_nobody_is_toughest():
    table = flipped({"qat8": (0.7,), "qat5": (0.6, 0.61)})
    apart = table[(table.precision == "qat8") | (table.recipe == "r1")]
    found = compare_precisions(apart)
    assert not found.toughest.any() and not found.tied.any() and set(found.num_recipes) == {1}
    assert flip_verdicts(found) == []


def test_floats_stand_beside_and_do_not_compete(tables):
    found = compare_precisions(tables.measurements)
    floats = found[found.method == "float"]
    assert len(floats) and not floats.toughest.any() and not floats.tied.any()
    assert found.groupby(["condition", found.level.fillna(-1)]).toughest.sum().eq(1).all()
    assert np.isfinite(found["mean"]).all()


def test_without_flips_there_is_nothing(small):
    assert compare_precisions(small[small.family == "noise"]).empty
    assert flip_verdicts(compare_precisions(small[small.family == "noise"])) == []


def test_every_kind_of_flips_has_its_verdict_by_what_is_left_and_by_what_is_lost():
    lost = flipped({"qat8": (0.2, 0.22), "qat5": (0.11, 0.13)}, measure="accuracy_drop")
    table = pd.concat([flipped(TOUGH8), lost, flipped(TOUGH5, "bit_error_rate", 1e-3)])
    count, rate = flip_verdicts(compare_precisions(table), compare_precisions(table, of=LOST))
    assert (count.condition, count.average.precision, count.lost.precision) == ("flips", "qat8", "qat5")
    assert (rate.condition, rate.average.precision, rate.lost) == ("bit_error_rate", "qat5", None)
    assert [entry.level for entry in rate.entries] == [1e-3, None]
