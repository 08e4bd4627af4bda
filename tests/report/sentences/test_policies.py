"""What policies cost, in words."""

import pandas as pd
import pytest

from lowland.analysis.policies import lost_through_layers, lost_to_policies
from lowland.analysis.score import Score
from lowland.report.score_text import ScoreText
from lowland.report.sentences.policies import (
    bits_text,
    layer_sentence,
    lost_text,
    recipes_sentence,
    rescaling_sentence,
    search_sentence,
    worst_sentence,
)
from tests.made_study.pictures import policy_search
from tests.made_study.worst_case import policies

SCORE = ScoreText.of(Score.named("accuracy"))
ERROR = ScoreText.of(Score.named("emd"))


def row(precision="fp32", **changes):
    table = lost_to_policies(policies()).set_index(["recipe", "precision"]).assign(**changes)
    return table.loc["plain", precision]


def test_the_worst_policy_has_its_price_beside_what_there_was():
    told = worst_sentence(row(policy_drop_low=0.1, policy_drop_high=0.3), 0.65, SCORE)
    assert told == (
        "the worst policy found at no fewer than 5 bits on average takes 21 points (95 % over seeds: 10 to 30) from "
        "the accuracy of 65.0 % (counted from the network in 8-bit dynamic arithmetic), the mean over 2 seeds. It "
        "changes 30 % of the answers."
    )
    deployed = worst_sentence(row(method="dynamic"), 0.65, SCORE)
    assert "from the accuracy of 65.0 %, the mean over 2 seeds" in deployed
    one = worst_sentence(row(policy_drop_low=float("nan"), num_seeds=1), float("nan"), SCORE)
    assert "takes 21 points from the accuracy (counted from" in one
    error = worst_sentence(row(policy_drop=1.2, policy_drop_low=float("nan")), 2.5, ERROR)
    assert f"takes 1.2 cells from the {ERROR.label} of 2.50 cells" in error
    harmless = worst_sentence(row(policy_drop=-0.01), 0.65, SCORE)
    assert "does not harm the accuracy of 65.0 %" in harmless


def test_numbers_are_written_with_their_units():
    assert (bits_text(1.0), bits_text(5.5)) == ("1 bit", "5.5 bits")
    assert (lost_text(0.01, SCORE), lost_text(0.123, SCORE), lost_text(-0.1, SCORE)) == (
        "1 point",
        "12 points",
        "nothing",
    )


def test_the_layer_that_costs_most_is_named_and_the_next():
    layers = lost_through_layers(policies())
    own = layers[(layers.recipe == "plain") & (layers.precision == "qat4")]
    assert layer_sentence(own, 2.0, SCORE) == (
        "Of all layers, each alone at 2 bits, layer 2 costs most, 15 points; then layer 0, 5 points."
    )
    assert "No single layer at 2 bits costs anything" in layer_sentence(own.assign(mean=-0.1), 2.0, SCORE)
    assert layer_sentence(own.head(1), 2.0, SCORE).endswith("layer 0 costs most, 5 points.")
    assert layer_sentence(own.head(0), 2.0, SCORE) == ""


def test_scales_of_channels_are_told_where_they_were_changed():
    told = rescaling_sentence(row(), SCORE)
    assert "this costs 45 points in 8-bit" in told and "costs 11 points, before it 21 points" in told
    assert rescaling_sentence(row("qat4"), SCORE) == ""
    assert "this costs nothing" in rescaling_sentence(row(rescaled_drop=0.0), SCORE)


def test_the_search_is_told():
    table = policy_search()
    assert search_sentence(table) == "Found by a greedy search among 4 policies a network."
    complete = search_sentence(table.assign(search_status="complete"))
    assert complete.endswith("on the rows of the search there is no worse one.")
    some = table.assign(search_status=table.recipe.map({"plain": "complete", "clipping": "spent"}))
    assert "For 4 of 8 networks" in search_sentence(some)
    unequal = table[(table.recipe == "plain") | (table.evaluation < 3)].assign(agent="own_agent")
    assert search_sentence(unequal) == "Found by own agent among 2 to 4 policies a network."
    assert search_sentence(pd.DataFrame()) == ""


def test_recipes_are_chosen_on_one_half_and_told_on_the_other():
    told, chosen = lost_to_policies(policies()), lost_to_policies(policies("selection"))
    assert recipes_sentence(told, chosen, "qat4", SCORE) == (
        "Of 2 recipes at qat4, clipping loses least (11 points) and plain most (21 points), as they did on the rows "
        "that chose them."
    )
    turned = chosen.assign(policy_drop=-chosen.policy_drop)
    assert "is not the same on both halves" in recipes_sentence(told, turned, "qat4", SCORE)
    assert recipes_sentence(told, chosen.assign(policy_drop=0.1), "qat4", SCORE) == ""
    assert recipes_sentence(told[told.recipe == "plain"], chosen, "qat4", SCORE) == ""


@pytest.mark.parametrize("value", [0.01, -0.01])
def test_one_point_is_no_plural(value):
    assert SCORE.change(value).endswith("1 point")
