"""The choice, its ties, its near misses."""

import json

import numpy as np
import pandas as pd
import pytest

from lowland.analysis.best import may_be_best
from lowland.analysis.criteria import Criterion, clean_criterion
from lowland.analysis.over_seeds import by_seed, configurations, with_test_rows
from lowland.analysis.score import Score
from lowland.decision.breaking_levels import breaking_levels
from lowland.decision.outcomes import NOTHING, ON_THE_MEAN, RECOMMENDED
from lowland.decision.recommendation import recommend
from lowland.decision.requirements import Requirements, TaskRequirements
from lowland.measurements import Cell, unavailable
from lowland.report.score_text import ScoreText
from lowland.report.sentences.cautions import cautions, unconfirmed

ACCURACY = Score.named("accuracy")


FLIPPED = {"condition": "bit_error_rate", "level": 1e-3}


def _answer(measurements, *needs, prefer=("score", "size")):
    found = recommend(measurements, TaskRequirements({"jets": Requirements(needs=needs, prefer=prefer)}))
    json.dumps(found, allow_nan=False)
    return found["tasks"]["jets"]


def test_the_smallest_that_surely_meets_everything(tables):
    answer = tables.recommendation["tasks"]["jets"]
    assert answer["outcome"] == RECOMMENDED
    assert answer["chosen"]["weight_bits"] == 4 or answer["chosen"]["weight_bits"] == 2
    for number in answer["chosen"]["numbers"].values():
        assert number["met"] == "surely"
    assert answer["num_meeting_surely"] <= answer["num_meeting_on_the_mean"] <= answer["num_configurations"] == 56
    json.dumps(tables.recommendation, allow_nan=False)


def test_ties_are_those_that_may_be_the_best(tables):
    answer = _answer(tables.measurements, prefer=("score",))
    best = answer["chosen"]["numbers"]["score"]
    assert answer["tied"]
    assert all(other["numbers"]["score"]["mean"] <= best["mean"] for other in answer["tied"])
    named = {(c["recipe"], c["precision"]) for c in [answer["chosen"], *answer["tied"]]}
    values = by_seed(tables.measurements, clean_criterion(ACCURACY))
    found = may_be_best(values)
    assert named == {(recipe, precision) for _, recipe, precision, *_ in values.index[found]}
    assert len(named) < len(values)
    assert best["mean"] == pytest.approx(
        max(r.mean for r in configurations(tables.measurements, Requirements().preferences(ACCURACY)[:1]).itertuples())
    )


def test_a_later_preference_breaks_the_tie(tables):
    first = _answer(tables.measurements, prefer=("score",))
    both = _answer(tables.measurements, prefer=("score", "size"))
    names = {(c["recipe"], c["precision"]) for c in [first["chosen"], *first["tied"]]}
    assert {(c["recipe"], c["precision"]) for c in [both["chosen"], *both["tied"]]} < names
    assert both["chosen"]["numbers"]["size"]["mean"] <= first["chosen"]["numbers"]["size"]["mean"]


def test_met_on_the_mean_only(tables):
    best = _answer(tables.measurements, prefer=("score",))["chosen"]["numbers"]["score"]
    answer = _answer(tables.measurements, {"at_least": best["mean"] - 1e-9})
    assert answer["outcome"] == ON_THE_MEAN
    assert answer["chosen"]["numbers"]["score"]["met"] == "on the mean"
    assert answer["num_meeting_surely"] == 0


def test_a_requirement_that_test_rows_miss_is_not_told_as_met(tables):
    """The rows that choose are lucky for the chosen: others say how it fares."""
    rows = tables.measurements
    best = _answer(rows, prefer=("score",))["chosen"]["numbers"]["score"]
    needs = Requirements(needs=({"measure": "score", "at_least": best["mean"] - 1e-9},), prefer=("score",))
    worse = rows.assign(value=rows.value.where(rows.measure != "accuracy", rows.value - 0.05))
    told = recommend(rows, TaskRequirements({"jets": needs}), reported=worse)["tasks"]["jets"]
    score = told["chosen"]["numbers"]["score"]
    assert told["outcome"] == ON_THE_MEAN and score["met"] == "on the mean" and score["confirmed"] == "no"
    assert score["mean"] == pytest.approx(best["mean"] - 0.05)
    assert unconfirmed(told["chosen"]) == ["clean accuracy"]
    assert "it misses what is required of clean accuracy" in " ".join(cautions(told, ScoreText.named("accuracy")))
    same = recommend(rows, TaskRequirements({"jets": needs}))["tasks"]["jets"]["chosen"]
    assert same["numbers"]["score"]["confirmed"] == "on the mean" and unconfirmed(same) == []


def test_nothing_meets_is_a_result_that_names_the_nearest(tables):
    answer = _answer(
        tables.measurements,
        {"at_least": 0.9},
        FLIPPED | {"at_least": 0.6},
        {"measure": "size", "at_most": 25_000},
    )
    assert answer["outcome"] == NOTHING == "no configuration meets the requirements"
    assert answer["chosen"] is None
    assert answer["tied"] == []
    assert answer["blocked_by"] == {"reason": "unmet", "requirements": ["needs[0]"], "conflicts": []}
    missed = {r["parameter"]: r for r in answer["requirements"]}
    assert missed["needs[0]"]["num_meeting_on_the_mean"] == 0
    assert missed["needs[0]"]["shortfall"] == pytest.approx(0.9 - missed["needs[0]"]["nearest_value"])
    assert missed["needs[0]"]["nearest_meets_the_others"]
    assert missed["needs[2]"]["num_meeting_surely"] > 0
    assert answer["nearest"]["numbers"]["score"]["met"] == "no"
    assert answer["breaking_levels"]


def test_each_alone_but_not_together(tables):
    smallest = _answer(tables.measurements, prefer=("size",))["chosen"]["numbers"]["size"]["mean"]
    answer = _answer(tables.measurements, {"measure": "size", "at_most": smallest * 1.001}, {"at_least": 0.73})
    assert answer["outcome"] == NOTHING
    assert answer["blocked_by"] == {
        "reason": "not_together",
        "requirements": [],
        "conflicts": [["needs[0]", "needs[1]"]],
    }
    missed = {r["parameter"]: r for r in answer["requirements"]}
    assert missed["needs[0]"]["shortfall"] > 0
    assert missed["needs[1]"]["shortfall"] > 0


def test_a_seed_without_a_number_is_never_sure(tables):
    broken = tables.measurements.copy()
    chosen = tables.recommendation["tasks"]["jets"]["chosen"]
    at = (broken.recipe == chosen["recipe"]) & (broken.precision == chosen["precision"]) & (broken.seed == "s1")
    broken.loc[at & (broken.family == "noise"), ["value"]] = np.nan
    broken.loc[at & (broken.family == "noise"), ["status"]] = "non_finite"
    found = recommend(broken, TaskRequirements(tables.recommendation["requirements"]))["tasks"]["jets"]
    assert (found["chosen"]["recipe"], found["chosen"]["precision"]) != (chosen["recipe"], chosen["precision"])
    names = {(c["recipe"], c["precision"]) for c in found["tied"]}
    assert (chosen["recipe"], chosen["precision"]) not in names


def test_one_seed_is_never_sure_and_ties_with_all(small):
    answer = _answer(small[small.seed == "s0"], {"at_least": 0.5})
    assert answer["outcome"] == ON_THE_MEAN
    assert answer["chosen"]["numbers"]["score"]["low"] is None


def test_no_requirements_compete_freely(small):
    answer = _answer(small)
    assert answer["outcome"] == RECOMMENDED
    assert answer["chosen_by"]["num_competing"] == answer["num_configurations"]
    assert answer["requirements"] == [] and answer["blocked_by"] is None
    assert answer["tightest"] is None


def test_the_tightest_requirement_and_what_gives_way(tables):
    answer = tables.recommendation["tasks"]["jets"]
    spare = answer["tightest"]["to_spare"]
    assert 0 <= spare < 1
    by = {e["condition"]: e for e in answer["breaking_levels"]}
    assert list(by)[:2] == ["gaussian", "salt_and_pepper"]
    rate = by["bit_error_rate"]
    assert rate["floor"] == 0.6
    for level, accuracy in zip(rate["levels"], rate["scores"], strict=True):
        assert (accuracy >= 0.6) == (rate["first_lost"] is None or level < rate["first_lost"])
    assert by["pileup"]["levels"] == [None]


@pytest.mark.parametrize(
    "demand",
    [
        FLIPPED | {"level": 0.5, "at_least": 0.6},
        {"condition": "fog", "level": 3, "at_least": 0.6},
        {"condition": "rain", "at_least": 0.6},
        {"measure": "half_life", "condition": "fog", "at_least": 2},
        {"measure": "worst_flip_drop", "at_most": 0.1},
    ],
)
def test_what_has_no_number_is_met_by_nobody(small, demand):
    answer = _answer(small, demand)
    assert answer["outcome"] == NOTHING
    assert answer["nearest"] is None and answer["blocked_by"]["reason"] == "requirement_without_number"
    assert answer["num_meeting_on_the_mean"] == 0


def test_float_networks_alone_can_be_asked_about_bit_errors(small):
    floats = small[small.method == "float"]
    answer = _answer(floats, FLIPPED | {"at_least": 0.1})
    assert answer["outcome"] == RECOMMENDED
    assert answer["chosen"]["precision"] == "fp32"


def test_float_networks_answer_where_every_quantized_one_failed(small):
    at = small.method != "float"
    failed = [
        unavailable(Cell(**cell), family, "failed")
        for cell in small.loc[at, list(Cell.model_fields)].drop_duplicates().to_dict("records")
        for family in ("performance", "bit_flip", "noise", "cost")
    ]
    answer = _answer(
        pd.concat([small[~at], *failed], ignore_index=True),
        FLIPPED | {"at_least": 0.1},
    )
    assert answer["chosen"]["precision"] == "fp32"
    assert answer["requirements"][0]["num_meeting_on_the_mean"] == 2


def test_a_nearest_configuration_without_accuracy_is_still_a_result(small):
    answer = _answer(small[small.family != "performance"], {"measure": "size", "at_most": 1})
    assert answer["outcome"] == NOTHING
    assert answer["nearest"] is not None
    assert answer["breaking_levels"] == []


def test_a_missing_number_for_what_is_preferred_is_said(small):
    answer = _answer(small[small.family != "performance"], {"measure": "size", "at_most": 1e6})
    assert answer["outcome"] == NOTHING
    assert answer["blocked_by"]["reason"] == "preference_without_number"


def test_few_test_rows_make_a_threshold_unsure_and_leave_the_ties(tables):
    few = tables.measurements.assign(num_samples=50)
    many_rows, few_rows = (_answer(m, {"at_least": 0.73}, prefer=("score",)) for m in (tables.measurements, few))
    assert many_rows["outcome"] == RECOMMENDED
    assert few_rows["outcome"] == ON_THE_MEAN
    wide, narrow = few_rows["chosen"]["numbers"]["score"], many_rows["chosen"]["numbers"]["score"]
    assert wide["low"] < narrow["low"] < narrow["seeds_low"] == wide["seeds_low"]
    free = [_answer(m, prefer=("score",))["tied"] for m in (tables.measurements, few)]
    assert [[(c["recipe"], c["precision"]) for c in tied] for tied in free[:1]] == [
        [(c["recipe"], c["precision"]) for c in tied] for tied in free[1:]
    ]


def test_a_level_at_which_a_seed_gave_no_number_is_not_held(small):
    subject = ("jets", "plain", "qat4", "qat", 4)
    at = (
        (small.recipe == "plain") & (small.precision == "qat4") & (small.condition == "gaussian") & (small.seed == "s1")
    )
    at &= small.level == 10
    overflowed = small.assign(value=small.value.mask(at), status=small.status.mask(at, "non_finite"))
    assert {e["condition"]: e["first_lost"] for e in breaking_levels(small, subject, floor=0.1)}["gaussian"] is None
    for broken in (overflowed, small[~at]):
        gaussian = next(e for e in breaking_levels(broken, subject, floor=0.1) if e["condition"] == "gaussian")
        assert (gaussian["last_held"], gaussian["first_lost"]) == (5, 10)
        assert gaussian["scores"][1] is None


def test_a_family_that_failed_everywhere_is_a_result(small):
    answer = _answer(small[small.family != "bit_flip"], FLIPPED | {"at_least": 0.6})
    assert answer["outcome"] == NOTHING
    assert answer["nearest"] is None and answer["blocked_by"]["reason"] == "requirement_without_number"
    assert answer["requirements"][0]["nearest"] is None


def test_an_adc_is_held_down_to_some_bits(faulty):
    subject = ("jets", "plain", "qat4", "qat", 4)
    clean = faulty[(faulty.family == "performance") & (faulty.measure == "accuracy")]
    start = clean[(clean.recipe == "plain") & (clean.precision == "qat4")].value.mean()
    entries = breaking_levels(faulty, subject, floor=start - 0.045)
    by = {e["condition"]: e for e in entries if not e["target"]}
    adc = by["requantization"]
    assert adc["levels"] == [8, 4, 2]
    assert (adc["last_held"], adc["first_lost"]) == (4, 2)
    assert by["pgd_linf"]["last_held"] == 0.2 and by["pgd_linf"]["holds_all"]
    assert all(e["part"] for e in entries if e["target"] == "scales") and not by["flips"]["part"]
    groups = [e["group"] for e in by.values()]
    assert groups == sorted(groups, key=["noise", "sensors", "attacks", "memory", "faults", "shift"].index)


def test_a_requirement_under_a_broken_sensor_counts_test_rows_and_draws(faulty):
    criterion = Criterion("g", "g", "sensor_fault", "accuracy", "gain_drift", level=1.0)
    row = with_test_rows(configurations(faulty, [criterion]), faulty, [criterion]).iloc[0]
    share = row["mean"] * (1 - row["mean"])
    half = np.hypot(row.half, 1.96 * np.sqrt(share / 5000 + 0.001**2))
    bend = half**2 / share  # Wilson's z²/n
    for end in (row.low, row.high):
        assert (row["mean"] - end) ** 2 == pytest.approx(bend * end * (1 - end), rel=1e-4)
