"""Which precision is toughest under flips, in sentences."""

import pandas as pd
import pytest

from lowland.analysis.flip_comparison import LOST, compare_precisions, flip_verdicts
from lowland.report.score_text import ScoreText
from lowland.report.sentences.flip_comparison import flip_sentences
from tests.made_study.flips import TOUGH5, TOUGH8, flipped

ACCURACY = ScoreText.named("accuracy")


def said_of(*studies):
    table = pd.concat(studies)
    return flip_sentences(flip_verdicts(compare_precisions(table), compare_precisions(table, of=LOST)), ACCURACY)


def test_the_recipes_that_are_compared_are_counted():
    left = {"qat8": (0.79, 0.7899), "qat5": (0.8, 0.8, 0.1, 0.1), "qat2": (0.5, 0.52)}
    sentence = said_of(flipped(left))
    assert "Compared over the 2 recipes that all stored codes have." in sentence
    assert "Are 4 to 6 bits the most robust? Yes" in sentence


def test_without_verdicts_nothing_is_said():
    assert flip_sentences([], ACCURACY) == ""


def test_ranked_flips_have_a_verdict_of_their_own():
    sentence = said_of(flipped(TOUGH5), flipped(TOUGH8, "ranked_flips", 10.0, target="weights"))
    assert "At an equal number of worst-ranked flips, most accuracy is left with qat8 at 10." in sentence
    assert "at an equal number of worst-ranked flips, no at every level" in sentence


@pytest.mark.parametrize(
    ("left", "middle", "said"),
    [
        (TOUGH5 | {"qat2": (0.4, 0.41)}, "yes", "Yes, at an equal number of flips."),
        (TOUGH8, "no", "No, at an equal number of flips."),
        ({"qat8": (0.1, 0.2), "qat5": (0.2, 0.1)}, "unsure", "Not surely, others do as well"),
        ({"qat8": (0.2, 0.3), "qat2": (0.1, 0.2)}, "", "most accuracy is left with qat8 at 1."),
    ],
)
def test_are_four_to_six_bits_the_most_robust(left, middle, said):
    verdicts = flip_verdicts(compare_precisions(flipped(left)))
    assert [v.average.middle for v in verdicts] == [middle]
    sentence = flip_sentences(verdicts, ACCURACY)
    assert said in sentence
    assert ("Are 4 to 6 bits" in sentence) == bool(middle)


def test_count_and_rate_may_disagree():
    sentence = said_of(flipped(TOUGH8), flipped(TOUGH5, "bit_error_rate", 1e-3))
    assert "It depends on the level: at an equal number of flips, no at every level" in sentence
    assert "at an equal bit error rate, yes at every level." in sentence


def test_levels_may_disagree_and_then_there_is_no_plain_answer():
    high = {"qat8": (0.2, 0.21), "qat5": (0.5, 0.51)}
    sentence = said_of(flipped(TOUGH8), flipped(TOUGH8, level=5.0), flipped(high, level=100.0))
    assert "left with qat8 at 1 and 5; qat5 at 100; qat5 over all levels, 57.2 % on average." in sentence
    assert "no at 1 and 5, yes at 100, yes on average." in sentence
    assert "? Yes" not in sentence and "? No" not in sentence


def test_who_cannot_be_told_from_the_leader_is_named():
    tie = {"qat8": (0.7, 0.6, 0.65), "qat5": (0.6, 0.7, 0.64), "qat2": (0.2, 0.2, 0.21)}
    assert "is left with qat8 and qat5 (not told apart) at 1." in said_of(flipped(tie))


def test_what_is_left_decides_not_what_is_lost():
    lost = flipped({"qat8": (0.2, 0.22), "qat5": (0.11, 0.13)}, measure="accuracy_drop")
    sentence = said_of(flipped(TOUGH8), lost)
    assert "most accuracy is left with qat8 at 1." in sentence
    assert "least to lose, by qat5 at an equal number of flips (12 points on average)." in sentence
    assert "Are 4 to 6 bits the most robust? No" in sentence
