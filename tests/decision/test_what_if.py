"""Other requirements: each answer is what `recommend` says when it is asked so, and nothing sees the rows that tell."""

import pytest

from lowland.decision.choice import Choice
from lowland.decision.numbers import Numbers
from lowland.decision.outcomes import NOTHING
from lowland.decision.recommendation import recommend
from lowland.decision.requirements import Requirements, TaskRequirements
from lowland.decision.what_if import what_if
from tests.made_study.tables import REQUIREMENTS


def told(measurements, asked, **others):
    return recommend(measurements, TaskRequirements({"jets": asked}), **others)["tasks"]["jets"]


def test_every_entry_is_what_would_be_recommended(tiny):
    asked = Requirements(needs=REQUIREMENTS.needs[1:3], prefer=["size", "score"])
    found = told(tiny, asked)
    entries = found["what_if"]
    assert [e["change"] for e in entries[:3]] == ["dropped", "loosened", "tightened"]
    assert {e["parameter"] for e in entries} == {"needs[0]", "needs[1]", "prefer"}
    for entry in entries:
        needs, prefer = list(asked.needs), list(asked.prefer)
        if entry["change"] == "preferred":
            chosen = next(
                q for q in [*prefer, *needs] if q.criterion(Numbers(tiny, tiny).score).label == entry["label"]
            )
            quantity = chosen.model_dump(exclude={"at_least", "at_most"})
            prefer = [quantity, *(q for q in prefer if q.model_dump() != quantity)]
        else:
            place = int(entry["parameter"][6])
            need = needs.pop(place)
            if entry["changed"] is not None:
                needs.insert(place, need.model_copy(update={need.side: entry["changed"]}))
        other = told(tiny, Requirements.model_validate({"needs": [n.model_dump() for n in needs], "prefer": prefer}))
        assert entry["outcome"] == other["outcome"]
        subject = other["chosen"]
        assert (entry["recipe"], entry["precision"]) == (
            (subject["recipe"], subject["precision"]) if subject else (None, None)
        )
        assert entry["num_tied"] == len(other["tied"])
        if subject:
            assert entry["score"] == subject["numbers"]["score"]["mean"]
            assert entry["size"] == subject["numbers"]["size"]["mean"]
            now = found["chosen"]
            assert entry["same"] == (
                now is not None and (subject["recipe"], subject["precision"]) == (now["recipe"], now["precision"])
            )


def test_limits_move_by_points_by_a_factor_and_by_a_tenth(small):
    asked = Requirements(
        needs=[
            {"measure": "size", "at_most": 40_000},
            {"at_least": 0.7},
            {"measure": "weight_norm", "at_most": 50},
            {"condition": "gaussian", "level": 10, "at_least": 0.99},
        ]
    )
    limits = {(e["parameter"], e["change"]): e["changed"] for e in told(small, asked)["what_if"]}
    assert (limits["needs[0]", "loosened"], limits["needs[0]", "tightened"]) == (80_000, 20_000)
    assert (limits["needs[1]", "loosened"], limits["needs[1]", "tightened"]) == pytest.approx((0.68, 0.72))
    assert (limits["needs[2]", "loosened"], limits["needs[2]", "tightened"]) == pytest.approx((55, 45))
    assert limits["needs[3]", "tightened"] == 1, "no share is above 1"


def test_rows_that_tell_change_what_is_told_and_never_what_is_chosen(small):
    worse = small.assign(value=small.value.where(small.measure != "accuracy", 0.5 * small.value))
    first, second = (told(small, REQUIREMENTS, reported=table)["what_if"] for table in (small, worse))
    chosen = ("change", "outcome", "recipe", "precision", "num_candidates", "num_tied")
    assert [[e[k] for k in chosen] for e in first] == [[e[k] for k in chosen] for e in second]
    assert [e["score"] for e in first if e["recipe"]] != [e["score"] for e in second if e["recipe"]]


def test_where_nothing_meets_them_it_is_told_what_would_help(small):
    asked = Requirements(needs=[{"at_least": 0.999}, {"measure": "size", "at_most": 1e9}])
    entries = told(small, asked)["what_if"]
    assert told(small, asked)["outcome"] == NOTHING
    assert next(e for e in entries if e["parameter"] == "needs[0]")["recipe"], "without it something does"
    assert all(e["recipe"] is None for e in entries if e["parameter"] == "needs[1]")


def test_without_requirements_preferences_are_left(small):
    asked = Requirements()
    entries = what_if(Choice(Numbers(small, small), asked), asked)
    assert [(e["change"], e["label"]) for e in entries] == [("preferred", "size")]
