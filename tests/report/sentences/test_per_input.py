"""Policies for each input, in words and as rows."""

from lowland.analysis.policies import of_policies
from lowland.analysis.score import Score
from lowland.report.score_text import ScoreText
from lowland.report.sentences.per_input import MEASURES, input_policy_rows, input_policy_sentence
from tests.made_study.worst_case import per_input, policies

SCORE = ScoreText.of(Score.named("accuracy"))
NUMBERS = of_policies(per_input(), MEASURES)


def test_static_found_and_oracles_stand_in_this_order():
    rows = input_policy_rows(NUMBERS, SCORE)
    assert [row["lost"] for row in rows] == ["20", "25", "30", "40"]
    assert rows[0]["name"] == "worst static policy" and rows[1]["name"] == "for each input: the cross-entropy method"
    assert [row["share"] for row in rows] == ["", "50 %", "", ""] and "right answer" in rows[3]["name"]


def test_what_choosing_for_each_input_adds():
    told = input_policy_sentence(NUMBERS, SCORE)
    assert told == (
        "The policy for each input that the cross-entropy method found costs 25 points, the worst static policy 20 "
        "points. Choosing for each input does more harm."
    )
    weak = NUMBERS.assign(mean=NUMBERS["mean"].where(NUMBERS.measure != "input_policy_drop", 0.1))
    assert input_policy_sentence(weak, SCORE).endswith("It does no more harm.")
    alone = NUMBERS[NUMBERS.measure != "policy_drop"]
    assert input_policy_sentence(alone, SCORE).endswith("costs 25 points.")


def test_without_any_nothing_is_told():
    numbers = of_policies(policies(), MEASURES)
    assert input_policy_rows(numbers, SCORE) == [] and input_policy_sentence(numbers, SCORE) == ""
