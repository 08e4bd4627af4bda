"""How a score is read out of a table, and how people read it."""

import pandas as pd
import pytest

from lowland.analysis.score import UNKNOWN, Score, score_of
from lowland.measures import SCORES, SHARES, deterioration, sign
from tests.made_study.lower_is_better import with_emd

ACCURACY, EMD, MODE = (Score.named(name) for name in ("accuracy", "emd", "vector_error"))


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


def test_every_score_has_one_direction():
    assert {name: sign(name) for name in SCORES} == {n: 1 if n == "accuracy" else -1 for n in SCORES}
    for name in SCORES:
        score = Score.named(name)
        assert (score.sign, score.higher_is_better) == (sign(name), sign(name) > 0)
        assert deterioration(name) == f"{name}_{'drop' if sign(name) > 0 else 'rise'}"


def test_digits_do_not_depend_on_the_last_one_being_zero():
    assert [EMD.bare(value) for value in (1.3, 0, 12.34, 123.4, 12345.6, 0.01234)] == [
        *("1.30", "0", "12.3", "123", "12,346", "0.0123")
    ]
    assert [EMD.margin(half, beside=1.3) for half in (0.05, 0.0123, 0.001, 0.0)] == ["0.05", "0.01", "0.001", "0"]
    assert ACCURACY.margin(0.05, beside=0.7) == "5.0"
    assert EMD.change(-0.5) == "\N{MINUS SIGN}0.50 cells"


def test_the_score_of_a_task_is_that_of_its_performance(small):
    assert score_of(small) == ACCURACY
    assert score_of(with_emd(small)) == EMD
    assert score_of(with_emd(small).query("family == 'noise'")) == EMD
    assert score_of(small[small.family == "landscape"]) is UNKNOWN
    assert score_of(pd.DataFrame({"score": ["emd"], "tensor": ["a"]})) == EMD


def test_every_headline_score_has_words():
    assert all(Score.named(name).label for name in SCORES)
    assert {name for name in SCORES if Score.named(name).is_share} == set(SHARES)
    assert Score.named(UNKNOWN.name) is UNKNOWN
