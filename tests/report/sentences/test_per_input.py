"""Policies for each input, in words and as rows."""

import pandas as pd

from lowland.analysis.policies import gains_for_inputs, of_policies
from lowland.analysis.score import Score
from lowland.report.score_text import ScoreText
from lowland.report.sentences.per_input import MEASURES, input_policy_rows, input_policy_sentence
from tests.made_study.worst_case import per_input, policies

SCORE = ScoreText.of(Score.named("accuracy"))
NUMBERS, GAINS = of_policies(per_input(), MEASURES), gains_for_inputs(per_input())


def test_static_found_and_oracles_stand_in_this_order():
    rows = input_policy_rows(NUMBERS, SCORE)
    assert [row["lost"] for row in rows] == ["20", "25", "30", "40"]
    assert rows[0]["name"] == "worst static policy" and rows[1]["name"] == "for each input: the cross-entropy method"
    assert [row["share"] for row in rows] == ["", "50 %", "", ""] and "right answer" in rows[3]["name"]
    assert [row["bits"] for row in rows] == ["", "5.00", "", ""]
    spent = NUMBERS.assign(mean=NUMBERS["mean"].where(NUMBERS.measure != "input_policy_bits", 4.9))
    assert input_policy_rows(spent, SCORE)[1]["bits"] == "4.90 (misses the mean)"


def test_what_choosing_for_each_input_adds_is_told_by_its_interval():
    assert input_policy_sentence(NUMBERS, GAINS, GAINS, SCORE) == (
        "The policy for each input that the cross-entropy method found costs 25 points, the worst static policy of the "
        "same networks 20 points. Choosing for each input surely does more harm (row by row: 5, 95 % 3 to 7)."
    )
    unsure = GAINS.assign(low=-0.01)
    assert "It cannot be told from the static one" in input_policy_sentence(NUMBERS, unsure, unsure, SCORE)
    less = GAINS.assign(mean=-0.05, low=-0.07, high=-0.03)
    assert "It surely does less harm" in input_policy_sentence(NUMBERS, less, GAINS, SCORE)


def test_errors_over_rows_are_not_divided_by_seeds():
    rows = per_input()
    both = rows[rows.measure == "input_policy_gain"]
    two = gains_for_inputs(pd.concat([both, both.assign(seed="s1")]))
    assert two.low.item() == GAINS.low.item() and two["mean"].item() == GAINS["mean"].item()


def test_without_any_nothing_is_told():
    numbers, gains = of_policies(policies(), MEASURES), gains_for_inputs(policies())
    assert input_policy_rows(numbers, SCORE) == [] and input_policy_sentence(numbers, gains, gains, SCORE) == ""
