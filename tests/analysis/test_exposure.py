"""Equal count and equal rate: who is toughest, and who cannot be told from it."""

import numpy as np
import pandas as pd
import pytest

from lowland.analysis.exposure import LOST, equal_exposure, exposure_sentence, exposure_verdict
from lowland.analysis.recipe_means import t_interval
from lowland.analysis.score import Score
from lowland.measurements import COLUMNS

ACCURACY = Score.named("accuracy")
BITS = {"qat8": 8, "qat5": 5, "qat2": 2}


def study(values, condition="flips", level=1.0, measure="accuracy", target=""):
    """Accuracies by precision, one a recipe, each the mean of two seeds."""
    table = [
        (
            "jets",
            f"r{i}",
            seed,
            p,
            "qat",
            BITS[p],
            BITS[p],
            "bit_flip",
            measure,
            condition,
            target,
            level,
            "",
            "test",
            "",
            "",
            v,
            0.0,
        )
        for p, row in values.items()
        for i, value in enumerate(row)
        for seed, v in (("s0", value - 0.01), ("s1", value + 0.01))
    ]
    return pd.DataFrame.from_records([(*row, 8, "ok") for row in table], columns=list(COLUMNS))


def test_means_over_recipes_with_seeds_averaged_first():
    found = equal_exposure(study({"qat8": (0.1, 0.2, 0.3)}))
    row = found[found.level == 1].iloc[0]
    assert (row["mean"], row.low, row.high) == pytest.approx(t_interval([0.1, 0.2, 0.3], ends="zero and one"))
    assert row.num_recipes == 3


def test_intervals_end_where_the_score_does():
    left, dropped = study({"qat8": (0.98, 0.97, 0.90)}), study({"qat8": (0.01, 0.0, 0.05)}, measure="accuracy_drop")
    found = equal_exposure(left)
    assert (found.high < 1).all() and (found.low > 0).all()
    lost = equal_exposure(pd.concat([left, dropped], ignore_index=True), of=LOST)
    assert (lost.low < 0).all()  # a disturbance may help


def test_ties_are_judged_recipe_by_recipe():
    # qat5 is better than qat8 by the same bit in every recipe, and better than qat2 only in some.
    found = equal_exposure(study({"qat8": (0.89, 0.79, 0.688), "qat5": (0.9, 0.8, 0.7), "qat2": (0.7, 0.9, 0.79)}))
    averaged = found[found.level.isna()].set_index("precision")
    assert averaged.toughest.to_dict() == {"qat8": False, "qat5": True, "qat2": False}
    assert averaged.tied.to_dict() == {"qat8": False, "qat5": True, "qat2": True}


def test_an_average_needs_every_level():
    both = pd.concat([study({"qat8": (0.1, 0.2)}), study({"qat8": (0.3,)}, level=10.0)])
    averaged = equal_exposure(both)
    row = averaged[averaged.level.isna()].iloc[0]
    assert (row["mean"], row.num_recipes) == (pytest.approx(0.2), 1)


def test_precisions_are_compared_over_the_recipes_that_all_of_them_have():
    # qat8 and qat2 had the two good recipes only; recipe by recipe qat5 is the toughest.
    left = {"qat8": (0.79, 0.7899), "qat5": (0.8, 0.8, 0.1, 0.1), "qat2": (0.5, 0.52)}
    found = equal_exposure(study(left))
    averaged = found[found.level.isna()].set_index("precision")
    assert averaged["mean"].to_dict() == pytest.approx({"qat8": 0.78995, "qat5": 0.8, "qat2": 0.51})
    assert averaged.toughest.to_dict() == {"qat8": False, "qat5": True, "qat2": False}
    assert set(averaged.num_recipes) == {2}
    sentence = said_of(study(left))
    assert "Compared over the 2 recipes that all stored codes have." in sentence
    assert "Are 4 to 6 bits the most robust? Yes" in sentence


def test_without_a_common_recipe_nobody_is_toughest():
    table = study({"qat8": (0.7,), "qat5": (0.6, 0.61)})
    apart = table[(table.precision == "qat8") | (table.recipe == "r1")]
    found = equal_exposure(apart)
    assert not found.toughest.any() and not found.tied.any() and set(found.num_recipes) == {1}
    assert exposure_verdict(found) == [] and exposure_sentence([], ACCURACY) == ""


def test_ranked_flips_have_a_verdict_of_their_own():
    sentence = said_of(study(TOUGH5), study(TOUGH8, "ranked_flips", 10.0, target="weights"))
    assert "At an equal number of worst-ranked flips, most accuracy is left with qat8 at 10." in sentence
    assert "at an equal number of worst-ranked flips, no at every level" in sentence


TOUGH8 = {"qat8": (0.7, 0.71), "qat5": (0.6, 0.61)}
TOUGH5 = {"qat8": (0.6, 0.61), "qat5": (0.7, 0.71)}


def said_of(*studies):
    table = pd.concat(studies)
    return exposure_sentence(exposure_verdict(equal_exposure(table), equal_exposure(table, of=LOST)), ACCURACY)


@pytest.mark.parametrize(
    ("left", "middle", "said"),
    [
        (TOUGH5 | {"qat2": (0.4, 0.41)}, "yes", "Yes, at an equal number of flips."),
        (TOUGH8, "no", "No, at an equal number of flips."),
        ({"qat8": (0.1, 0.2), "qat5": (0.2, 0.1)}, "unsure", "Not surely, others do as well"),
        ({"qat8": (0.2, 0.3), "qat2": (0.1, 0.2)}, "", "most accuracy is left with qat8 at 1."),
    ],
)
def test_are_four_to_six_bits_the_most_robust(left, middle, said):
    verdicts = exposure_verdict(equal_exposure(study(left)))
    assert [v["average"]["middle"] for v in verdicts] == [middle]
    sentence = exposure_sentence(verdicts, ACCURACY)
    assert said in sentence
    assert ("Are 4 to 6 bits" in sentence) == bool(middle)


def test_count_and_rate_may_disagree():
    sentence = said_of(study(TOUGH8), study(TOUGH5, "bit_error_rate", 1e-3))
    assert "It depends on the level: at an equal number of flips, no at every level" in sentence
    assert "at an equal bit error rate, yes at every level." in sentence


def test_levels_may_disagree_and_then_there_is_no_plain_answer():
    high = {"qat8": (0.2, 0.21), "qat5": (0.5, 0.51)}
    sentence = said_of(study(TOUGH8), study(TOUGH8, level=5.0), study(high, level=100.0))
    assert "left with qat8 at 1 and 5; qat5 at 100; qat5 over all levels, 57.2 % on average." in sentence
    assert "no at 1 and 5, yes at 100, yes on average." in sentence
    assert "? Yes" not in sentence and "? No" not in sentence


def test_who_cannot_be_told_from_the_leader_is_named():
    tie = {"qat8": (0.7, 0.6, 0.65), "qat5": (0.6, 0.7, 0.64), "qat2": (0.2, 0.2, 0.21)}
    assert "is left with qat8 and qat5 (not told apart) at 1." in said_of(study(tie))


def test_what_is_left_decides_not_what_is_lost():
    lost = study({"qat8": (0.2, 0.22), "qat5": (0.11, 0.13)}, measure="accuracy_drop")
    sentence = said_of(study(TOUGH8), lost)
    assert "most accuracy is left with qat8 at 1." in sentence
    assert "least to lose, by qat5 at an equal number of flips (12 points on average)." in sentence
    assert "Are 4 to 6 bits the most robust? No" in sentence


def test_floats_stand_beside_and_do_not_compete(tables):
    found = equal_exposure(tables.measurements)
    floats = found[found.method == "float"]
    assert len(floats) and not floats.toughest.any() and not floats.tied.any()
    assert found.groupby(["exposure", found.level.fillna(-1)]).toughest.sum().eq(1).all()
    assert np.isfinite(found["mean"]).all()


def test_without_flips_there_is_nothing(small):
    assert equal_exposure(small[small.family == "noise"]).empty
    assert exposure_verdict(equal_exposure(small[small.family == "noise"])) == []
