"""How it was chosen, or why nothing was, in sentences."""

import pytest

from lowland.report.score_text import ScoreText
from lowland.report.sentences.choice import blocked_sentence, choice_sentences, least_to_spare
from tests.made_study.first_day import answer_of, lost, with_gains

ACCURACY = ScoreText.named("accuracy")


def why(table, **asked):
    return choice_sentences(answer_of(table, **asked), ACCURACY)


def test_how_many_compete_and_what_each_preference_leaves(tiny):
    first, *steps, last = why(tiny, prefer=("score",))
    assert first == "Nothing is required; all 6 configurations compete."
    assert len(steps) == 1 and steps[0].startswith("Of these 6, the highest clean accuracy (")
    assert last.startswith("These ") and last.endswith("the one with the highest mean clean accuracy is named.")
    assert why(tiny, needs=[{"at_least": 0.1}])[0] == "6 of 6 configurations meet every requirement."
    assert "the smallest size (" in why(tiny, prefer=("size",))[1]


def test_who_cannot_compete_is_counted(tiny):
    best = answer_of(tiny, prefer=("score",))["chosen"]
    idle = with_gains(tiny, lambda r, p, s: 0.0 if (r, p) == (best["recipe"], best["precision"]) else 0.3)
    assert "1 did not beat the guess." in why(idle, prefer=("score",))
    at = (tiny.recipe == best["recipe"]) & (tiny.precision == best["precision"]) & (tiny.seed == "s1")
    assert "1 lost a seed and ranks behind." in why(lost(tiny, at), prefer=("score",))


def requirement(parameter, label, threshold=0.9, *, higher=True):
    about = {"measure": "accuracy", "condition": "", "higher_is_better": higher}
    return {"parameter": parameter, "label": label, "threshold": threshold, **about}


@pytest.mark.parametrize(
    ("reason", "guilty", "words"),
    [
        ("guessing", [], "What meets the requirements learned no more than guessing."),
        ("preference_without_number", [], "a number is missing for the accuracy or for what is preferred."),
        ("requirement_without_number", ["needs[1]"], "No configuration has a number for noisy accuracy: that part"),
        ("unmet", ["needs[0]", "needs[1]"], "clean accuracy ≥ 90.0 % or noisy accuracy ≤ 90.0 % even on its own."),
        (
            "not_together",
            [],
            "met by some configuration, but none meets clean accuracy ≥ 90.0 % and noisy accuracy ≤ 90.0 % together.",
        ),
    ],
)
def test_why_nothing_is_chosen(reason, guilty, words):
    asked = [requirement("needs[0]", "clean accuracy"), requirement("needs[1]", "noisy accuracy", higher=False)]
    found = {
        "requirements": asked,
        "blocked_by": {"reason": reason, "requirements": guilty, "conflicts": [["needs[0]", "needs[1]"]]},
        "chosen_by": None,
    }
    assert words in blocked_sentence(found, ACCURACY)
    assert choice_sentences(found, ACCURACY) == []


def test_where_something_is_chosen_nothing_is_blocked(tiny):
    assert blocked_sentence(answer_of(tiny), ACCURACY) == ""


@pytest.mark.parametrize(
    ("name", "measure", "spare", "words"),
    [
        ("score", "accuracy", 0.0123, "the worse end of the interval keeps 1.2 percentage points to the limit."),
        ("score", "accuracy", -0.0123, "Least certain: x, where the worse end of the interval misses the limit by 1.2"),
        ("mismatch_rate", "mismatch_rate", 0.05, "keeps 5.0 percentage points to the limit."),
        ("size", "size", 100.0, "keeps 100 bits free."),
        ("size", "size", -100.0, "Largest seed: 100 bits more than allowed."),
        ("weight_norm", "weight_norm", 3.0, "keeps 3 to the limit."),
    ],
)
def test_the_least_to_spare(name, measure, spare, words):
    tightest = {"name": name, "label": "x", "measure": measure, "condition": "", "to_spare": spare}
    assert words in least_to_spare(tightest, ACCURACY)
    assert least_to_spare(None, ACCURACY) == ""
