"""How a score is read out of a table."""

import pandas as pd

from lowland.analysis.score import UNKNOWN, Score, score_of
from lowland.scores import deterioration, sign
from lowland.vocabulary.measures import SCORES, SHARES
from tests.made_study.lower_is_better import with_emd

ACCURACY, EMD = Score.named("accuracy"), Score.named("emd")


def test_every_score_has_one_direction():
    assert {name: sign(name) for name in SCORES} == {n: 1 if n == "accuracy" else -1 for n in SCORES}
    for name in SCORES:
        score = Score.named(name)
        assert (score.sign, score.higher_is_better) == (sign(name), sign(name) > 0)
        assert deterioration(name) == f"{name}_{'drop' if sign(name) > 0 else 'rise'}"


def test_the_score_of_a_task_is_that_of_its_performance(small):
    assert score_of(small) == ACCURACY
    assert score_of(with_emd(small)) == EMD
    assert score_of(with_emd(small).query("family == 'noise'")) == EMD
    assert score_of(small[small.family == "landscape"]) is UNKNOWN
    assert score_of(pd.DataFrame({"score": ["emd"], "tensor": ["a"]})) == EMD


def test_every_headline_score_has_words():
    assert all(Score.named(name).label for name in SCORES)
    assert {name for name in SCORES if Score.named(name).is_share} == set(SHARES)
    assert Score.named(UNKNOWN.name) == UNKNOWN and UNKNOWN.ends == "none"
