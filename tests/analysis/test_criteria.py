"""Reading one number per cell out of the long table."""

import numpy as np
import pandas as pd
import pytest

from lowland.analysis.criteria import (
    Criterion,
    cells,
    criterion_values,
    robustness_criteria,
)
from lowland.analysis.score import Score

ACCURACY = Score.named("accuracy")
GAUSSIAN = Criterion("g", "g", "noise", "accuracy", "gaussian")
RATE = Criterion("b", "b", "bit_flip", "accuracy", "bit_error_rate", level=1e-3)


def test_the_mean_is_taken_over_all_levels(small):
    values = criterion_values(small, GAUSSIAN)
    rows = small[(small.family == "noise") & (small.condition == "gaussian") & (small.measure == "accuracy")]
    expected = rows.groupby(["recipe", "seed", "precision"], sort=False)["value"].mean()
    assert values.value.to_numpy() == pytest.approx(expected.to_numpy())
    assert (values.status == "ok").all()


def test_a_float_cell_is_read_from_its_words(small):
    values = criterion_values(small, RATE)
    floats = values[values.method == "float"]
    words = small[
        (small.condition == "bit_error_rate")
        & (small.target == "float32")
        & (small.level == 1e-3)
        & (small.measure == "accuracy")
    ]
    assert floats.value.to_numpy() == pytest.approx(words.value.to_numpy())


def test_one_bad_level_leaves_no_number(small):
    broken = small.copy()
    at = broken.index[
        (broken.condition == "gaussian")
        & (broken.level == 50)
        & (broken.measure == "accuracy")
        & (broken.precision == "qat4")
    ]
    broken.loc[at[0], ["value", "status"]] = [np.nan, "non_finite"]
    missing = broken.drop(index=at[1])
    values = criterion_values(missing, GAUSSIAN).query("precision == 'qat4'")
    assert list(values.status[:2]) == ["non_finite", "failed"]
    assert values.value.isna().tolist() == [True, True, False, False]


def test_a_cell_without_the_family_failed(small):
    gone = small[~((small.family == "noise") & (small.seed == "s1") & (small.precision == "qat4"))]
    values = criterion_values(gone, GAUSSIAN)
    assert len(values) == 12
    assert list(values[(values.seed == "s1") & (values.precision == "qat4")].status) == ["failed", "failed"]


def test_a_part_of_the_network_is_not_the_whole(small):
    only = small.copy()
    only.loc[only.family == "bit_flip", "target"] = "weights"
    assert (criterion_values(only, RATE).status == "failed").all()
    both = pd.concat([small, only[only.family == "bit_flip"].assign(value=9.0)], ignore_index=True)
    assert criterion_values(both, RATE).value.equals(criterion_values(small, RATE).value)


def test_every_disturbance_is_a_criterion_once(small):
    names = [c.name for c in robustness_criteria(small, ACCURACY)]
    assert sorted(names) == sorted(
        f"score_{c}" for c in ("gaussian", "salt_and_pepper", "flips", "bit_error_rate", "smeared", "pileup", "high_pt")
    )


def test_what_floats_cannot_suffer_is_no_criterion(faulty):
    names = [c.name for c in robustness_criteria(faulty, ACCURACY)]
    assert {"score_fgsm_linf", "score_requantization", "score_flips"} <= set(names)
    assert not any("scales" in name or "weights" in name or "float32" in name for name in names)
    for criterion in robustness_criteria(faulty, ACCURACY):
        assert (criterion_values(faulty, criterion).status == "ok").all()


def test_ranked_flips_are_a_criterion_of_networks_with_codes(small):
    floats = small.method == "float"
    ranked = small[(small.condition == "flips") & ~floats].assign(condition="ranked_flips")
    table = pd.concat([small, ranked], ignore_index=True)
    (criterion,) = [c for c in robustness_criteria(table, ACCURACY) if c.condition == "ranked_flips"]
    values = criterion_values(table, criterion)
    assert set(values.status[values.method == "float"]) == {"undefined"}
    assert set(values.status[values.method != "float"]) == {"ok"}
    some = table[(table.condition != "ranked_flips") | (table.precision != "qat4")]
    assert "ranked_flips" not in [c.condition for c in robustness_criteria(some, ACCURACY)]


def test_a_precision_without_the_family_does_not_take_its_criteria_away(faulty):
    gone = faulty[~((faulty.family == "noise") & (faulty.precision == "qat4"))]
    assert "score_gaussian" in [c.name for c in robustness_criteria(gone, ACCURACY)]


def test_parts_of_float32_words_are_no_criterion_of_floats_alone(faulty):
    floats = faulty[faulty.method == "float"]
    assert ("float32_weights" in set(floats.target)) and len(floats)
    criteria = robustness_criteria(floats, ACCURACY)
    assert {c.target for c in criteria} == {""} and "flips" in {c.condition for c in criteria}
    assert all((criterion_values(floats, criterion).status == "ok").all() for criterion in criteria)


def test_students_are_no_cells(faulty):
    whole = cells(faulty)
    student = faulty.iloc[:1].assign(precision="", method="dynamic")
    assert cells(pd.concat([faulty, student], ignore_index=True)).equals(whole)
