"""A score as people read it."""

import pytest

from lowland.analysis.score import UNKNOWN, Score
from lowland.report.score_text import ScoreText

ACCURACY, EMD, MODE = (ScoreText.named(name) for name in ("accuracy", "emd", "vector_error"))


@pytest.mark.parametrize(
    ("score", "text", "change", "title", "limit", "lost"),
    [
        (ACCURACY, "131.2 %", "3.1 points", "accuracy", "at least", "accuracy_drop"),
        (EMD, "1.31 cells", "0.031 cells", "EMD, in cells (lower is better)", "at most", "emd_rise"),
        (MODE, "1.31", "0.031", "mode error (lower is better)", "at most", "vector_error_rise"),
    ],
)
def test_every_score_in_its_own_words(score, text, change, title, limit, lost):
    assert (score.text(1.312), score.change(0.031)) == (text, change)
    assert (score.title, score.limit, score.lost) == (title, limit, lost)
    assert score.text(None) == score.text(float("nan")) == "no number"
    assert score.sign == (1 if limit == "at least" else -1)


def test_digits_do_not_depend_on_the_last_one_being_zero():
    assert [EMD.bare(value) for value in (1.3, 0, 12.34, 123.4, 12345.6, 0.01234)] == [
        *("1.30", "0", "12.3", "123", "12,346", "0.0123")
    ]
    assert [EMD.margin(half, beside=1.3) for half in (0.05, 0.0123, 0.001, 0.0)] == ["0.05", "0.01", "0.001", "0"]
    assert ACCURACY.margin(0.05, beside=0.7) == "5.0"
    assert EMD.change(-0.5) == "\N{MINUS SIGN}0.50 cells"


def test_it_is_the_same_score():
    found = ScoreText.of(Score.named("emd"))
    assert found == EMD and (found.ends, found.lost, found.sign) == ("zero", "emd_rise", -1)
    unknown = ScoreText.of(UNKNOWN)
    assert (unknown.text(1.5), unknown.ends) == ("1.50", "none")
