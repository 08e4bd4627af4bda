"""Equal count and equal rate: who is toughest, and who cannot be told from it."""

import numpy as np
import pandas as pd
import pytest

from lowland.measurements import COLUMNS
from lowland.summary.exposure import equal_exposure, exposure_sentence, exposure_verdict
from lowland.summary.recipe_means import t_interval

BITS = {"qat8": 8, "qat5": 5, "qat2": 2}


def study(drops, condition="flips", level=1.0):
    """Drops by precision, one a recipe, each the mean of two seeds."""
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
            "accuracy_drop",
            condition,
            "",
            level,
            "",
            d,
            0.0,
        )
        for p, values in drops.items()
        for i, value in enumerate(values)
        for seed, d in (("s0", value - 0.01), ("s1", value + 0.01))
    ]
    return pd.DataFrame.from_records([(*row, 8, "ok") for row in table], columns=list(COLUMNS))


def test_means_over_recipes_with_seeds_averaged_first():
    found = equal_exposure(study({"qat8": (0.1, 0.2, 0.3)}))
    row = found[found.level == 1].iloc[0]
    assert (row["mean"], row.low, row.high) == pytest.approx(t_interval([0.1, 0.2, 0.3]))
    assert row.num_recipes == 3


def test_ties_are_judged_recipe_by_recipe():
    # qat5 is better than qat8 by the same bit in every recipe, and better than qat2 only in some.
    found = equal_exposure(study({"qat8": (0.11, 0.21, 0.312), "qat5": (0.1, 0.2, 0.3), "qat2": (0.3, 0.1, 0.21)}))
    averaged = found[found.level.isna()].set_index("precision")
    assert averaged.toughest.to_dict() == {"qat8": False, "qat5": True, "qat2": False}
    assert averaged.tied.to_dict() == {"qat8": False, "qat5": True, "qat2": True}


def test_an_average_needs_every_level():
    both = pd.concat([study({"qat8": (0.1, 0.2)}), study({"qat8": (0.3,)}, level=10.0)])
    averaged = equal_exposure(both)
    row = averaged[averaged.level.isna()].iloc[0]
    assert (row["mean"], row.num_recipes) == (pytest.approx(0.2), 1)


@pytest.mark.parametrize(
    ("drops", "middle", "said"),
    [
        ({"qat8": (0.3, 0.31), "qat5": (0.1, 0.11), "qat2": (0.4, 0.41)}, "yes", "Yes, at an equal number of flips."),
        ({"qat8": (0.1, 0.11), "qat5": (0.3, 0.31)}, "no", "No, at an equal number of flips."),
        ({"qat8": (0.1, 0.2), "qat5": (0.2, 0.1)}, "unsure", "Not surely, others do as well"),
        ({"qat8": (0.1, 0.2), "qat2": (0.2, 0.3)}, "", "loses least"),
    ],
)
def test_are_four_to_six_bits_the_most_robust(drops, middle, said):
    verdicts = exposure_verdict(equal_exposure(study(drops)))
    assert [v["middle"] for v in verdicts] == [middle]
    sentence = exposure_sentence(verdicts)
    assert said in sentence
    assert ("Are 4 to 6 bits" in sentence) == bool(middle)


def test_count_and_rate_may_disagree():
    tough8, tough5 = {"qat8": (0.1, 0.11), "qat5": (0.3, 0.31)}, {"qat8": (0.3, 0.31), "qat5": (0.1, 0.11)}
    both = pd.concat([study(tough8), study(tough5, "bit_error_rate", 1e-3)])
    sentence = exposure_sentence(exposure_verdict(equal_exposure(both)))
    assert "At an equal number of flips no, at an equal bit error rate yes." in sentence


def test_floats_stand_beside_and_do_not_compete(tables):
    found = equal_exposure(tables.measurements)
    floats = found[found.method == "float"]
    assert len(floats) and not floats.toughest.any() and not floats.tied.any()
    assert found.groupby(["exposure", found.level.fillna(-1)]).toughest.sum().eq(1).all()
    assert np.isfinite(found["mean"]).all()


def test_without_flips_there_is_nothing(small):
    assert equal_exposure(small[small.family == "noise"]).empty
    assert exposure_verdict(equal_exposure(small[small.family == "noise"])) == []
