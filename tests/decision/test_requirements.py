"""What may be asked of a configuration, and how it is answered."""

import numpy as np
import pytest
from pydantic import ValidationError

from lowland.analysis.over_seeds import configurations, with_test_rows
from lowland.analysis.score import Score
from lowland.decision.outcomes import NOTHING, ON_THE_MEAN, RECOMMENDED
from lowland.decision.quantities import criterion_of
from lowland.decision.recommendation import recommend
from lowland.decision.requirements import Requirements, TaskRequirements
from tests.analysis.test_half_lives import rows as half_life_rows

ACCURACY = Score.named("accuracy")
EASY = {
    "a broken sensor": {"condition": "gain_drift", "level": 50, "at_least": 0.3},
    "a coarser converter": {"condition": "requantization", "level": 4, "at_least": 0.3},
    "an attack over all radii": {"condition": "pgd_linf", "level": "mean", "at_least": 0.3},
    "what an attack costs": {"measure": "accuracy_drop", "condition": "pgd_linf", "level": 0.2, "at_most": 0.1},
    "a half-life": {"measure": "half_life", "condition": "gaussian", "at_least": 20},
    "a half-life beyond the levels": {"measure": "half_life", "condition": "requantization", "at_most": 2},
    "a shifted set": {"condition": "pileup", "at_least": 0.3},
    "a size": {"measure": "parameters", "at_most": 1e6},
    "a landscape": {"measure": "weight_norm", "at_most": 1e6},
}


def _answer(measurements, *needs, **others):
    found = recommend(measurements, TaskRequirements({"jets": Requirements(needs=needs, **others)}))
    return found["tasks"]["jets"]


@pytest.mark.parametrize("need", EASY.values(), ids=EASY)
def test_anything_measured_can_be_asked(faulty, need):
    answer = _answer(faulty, need)
    assert answer["outcome"] == RECOMMENDED
    (standing,) = answer["requirements"]
    assert standing["num_meeting_surely"] == answer["num_configurations"]
    assert answer["chosen"]["numbers"][standing["name"]]["met"] == "surely"
    assert answer["tightest"]["to_spare"] >= 0


def test_a_part_of_the_memory_is_asked_of_codes_and_of_float32_words_alike(faulty):
    answer = _answer(faulty, {"condition": "flips", "target": "weights", "level": 100, "at_least": 0.3})
    assert answer["requirements"][0]["num_meeting_surely"] == answer["num_configurations"], "floats too"
    only_codes = _answer(faulty, {"condition": "flips", "target": "scales", "level": 100, "at_least": 0.3})
    floats = faulty[faulty.method == "float"].groupby(["recipe", "precision"]).ngroups
    assert only_codes["requirements"][0]["num_meeting_surely"] == answer["num_configurations"] - floats


def test_what_is_measured_of_one_seed_can_be_met_on_the_mean_only(faulty):
    answer = _answer(faulty, {"measure": "worst_flip_drop", "at_most": 0.3})
    assert answer["outcome"] == ON_THE_MEAN and answer["chosen"]["num_seeds"] == 2
    assert _answer(faulty, {"measure": "worst_flip_drop", "at_most": 0.2})["outcome"] == NOTHING


def test_a_preference_may_be_any_quantity(faulty):
    answer = _answer(faulty, prefer=[{"measure": "half_life", "condition": "bit_error_rate"}, "size"])
    assert answer["chosen"]["weight_bits"] == 4
    step = answer["chosen_by"]["steps"][0]
    assert step["name"] == "half_life_bit_error_rate" and step["num_left"] < step["num_before"]


def test_both_ends_of_one_quantity_have_a_number_each(faulty):
    drop = {"measure": "accuracy_drop", "condition": "gain_drift", "level": 50}
    answer = _answer(faulty, drop | {"at_most": 0.1}, drop | {"at_least": 0.5})
    assert [entry["num_meeting_surely"] > 0 for entry in answer["requirements"]] == [True, False]
    assert len({entry["name"] for entry in answer["requirements"]}) == 2


@pytest.mark.parametrize(
    "condition, entries, mean",
    [
        ("gaussian", [(30.0, "ok"), (50.0, "not_converged")], 40.0),
        ("gaussian", [(30.0, "ok"), (5.0, "undefined")], 15.0),
        ("requantization", [(2.0, "not_converged"), (4.0, "ok")], 3.0),
        ("requantization", [(8.0, "undefined"), (4.0, "ok")], 4.0),
        ("bit_error_rate", [(1e-4, "ok"), (1e-2, "ok")], 1e-3),
        ("bit_error_rate", [(1e-4, "undefined"), (1e-2, "ok")], 0.0),
    ],
)
def test_a_half_life_outside_the_levels_counts_as_the_worst_that_it_can_be(condition, entries, mean):
    criterion = criterion_of(ACCURACY, "half_life", condition)
    table = half_life_rows(entries, condition=condition, family=criterion.family)
    (found,) = configurations(table, [criterion]).itertuples()
    assert found.mean == pytest.approx(mean)
    failed = sum(status == "undefined" for _, status in entries) if condition == "requantization" else 0
    assert found.num_not_ok == failed


def test_intervals_of_other_measures_count_their_own_standard_errors():
    linear, decades = (criterion_of(ACCURACY, "half_life", condition) for condition in ("gaussian", "bit_error_rate"))
    table = half_life_rows([(10.0, "ok"), (14.0, "ok")], condition="gaussian", family="noise", error=3.0)
    row = with_test_rows(configurations(table, [linear]), table, [linear]).iloc[0]
    assert row.high - row["mean"] == pytest.approx(np.hypot(row.seeds_high - row["mean"], 1.96 * 3.0), rel=1e-3)
    table = half_life_rows([(1e-3, "ok"), (1e-3, "ok")], error=1e-4)
    row = with_test_rows(configurations(table, [decades]), table, [decades]).iloc[0]
    assert (row.low, row.high) == pytest.approx((1e-3 * np.exp(-0.196), 1e-3 * np.exp(0.196)), rel=1e-3)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"needs": [{"measure": "size"}]}, "neither at_least nor at_most"),
        ({"needs": [{"at_least": 0.5, "at_most": 0.6}]}, "both at_least and at_most"),
        ({"needs": [{"at_least": float("nan")}]}, "finite"),
        ({"needs": [{"condition": "gaussian", "level": 0, "at_least": 0.5}]}, "greater than 0"),
        ({"needs": [{"score": 0.7}]}, "Extra inputs"),
        ({"prefer": []}, "at least 1 item"),
    ],
)
def test_what_has_no_meaning_in_any_study_is_refused(wrong, message):
    with pytest.raises(ValidationError, match=message):
        Requirements(**wrong)
