"""What is open and what safety costs, word by word."""

import pytest

from lowland.report.score_text import ScoreText
from lowland.report.sentences.open_questions import open_question, safer_sentence

ACCURACY = ScoreText.named("accuracy")
NEED = {"label": "noisy accuracy", "measure": "accuracy", "condition": "gaussian", "higher_is_better": True}
NEED |= {"threshold": 0.6, "parameter": "needs[0]", "lost": 0}
SAFER = {"recipe": "ema", "precision": "ptq6", "parameter": "needs[0]", "margin": 0.031, "margin_now": -0.002}
SAFER |= {"size_factor": 1.5, "score_change": -0.012}


@pytest.mark.parametrize(
    ("needed", "words"),
    [
        ({"seeds": 7, "rows_factor": None}, "7 seeds in all would settle it, if means and spreads stay as they are."),
        (
            {"seeds": 2, "rows_factor": None},
            "a second seed would begin to settle it, for one does not tell how far seeds",
        ),
        ({"seeds": None, "rows_factor": 2.34}, "about 2.3 times the test rows would settle it; more seeds alone would"),
        (
            {"seeds": 9, "rows_factor": 1.5},
            "9 seeds in all and about 1.5 times the test rows would settle it, if means and spreads stay as they are.",
        ),
        ({"seeds": 9, "rows_factor": None, "lost": 1}, "1 seed gave no number; run what failed again"),
        ({"seeds": None, "rows_factor": None}, "more than 100 seeds would be needed, so that it makes no difference"),
    ],
)
def test_what_would_settle_it(needed, words):
    limit = open_question({"kind": "requirement", **NEED, **needed}, ACCURACY)
    assert limit.startswith("The limit of noisy accuracy ≥ 60.0 % lies within the interval: ") and words in limit
    tie = open_question({"kind": "tie", "recipe": "ema", "precision": "ptq6", **NEED, **needed}, ACCURACY)
    assert tie.startswith("By noisy accuracy, ema at ptq6 may be as good or better: ") and words in tie
    rival = open_question({"kind": "rival", "recipe": "ema", "precision": "ptq6", **NEED, **needed}, ACCURACY)
    assert rival.startswith("ema at ptq6 would be chosen if noisy accuracy ≥ 60.0 % were sure; its interval reaches")
    assert words in rival


def test_what_safety_costs():
    assert safer_sentence(SAFER, [NEED], ACCURACY) == (
        "ema at ptq6 keeps +3.1 % to its tightest limit (noisy accuracy) in place of −0.2 %, at 1.50 times the size "
        "and with 1.2 points less accuracy."
    )
    same = safer_sentence(SAFER | {"size_factor": 1.0, "score_change": 0.02, "margin": None}, [NEED], ACCURACY)
    assert "keeps an unknown part" in same and "at the same size and with 2 points more accuracy." in same
