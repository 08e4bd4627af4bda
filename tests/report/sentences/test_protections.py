"""Protections in words."""

from lowland.analysis.protections import NONE, protections
from lowland.analysis.score import Score
from lowland.report.score_text import ScoreText
from lowland.report.sentences.protections import protection_label, protection_rows, protection_sentence
from tests.made_study.protections import protections as rows

SCORE, ERROR = (ScoreText.of(Score.named(name)) for name in ("accuracy", "emd"))
TABLE = protections(rows(recipes=("plain",)))


def test_the_cheapest_that_is_enough_is_named():
    assert protection_sentence(TABLE, SCORE) == (
        "The cheapest protection that keeps the loss under 2 points: layers kept wide, 1.5 points in place of 20 "
        "points for 0.5 more bits on average."
    )
    free = TABLE.assign(protection_cost=0.0)
    assert protection_sentence(free, SCORE).endswith("at no cost in bits.")


def test_where_none_is_enough_the_best_is_named():
    weak = TABLE[TABLE.protection.isin([NONE, "clipped_ranges"])]
    assert protection_sentence(weak, SCORE).startswith("No protection tried keeps the loss that low")
    assert "clipped ranges, 15 points" in protection_sentence(weak, SCORE)
    assert protection_sentence(TABLE, ERROR).startswith("The protection that leaves least: outliers coded apart")
    assert protection_sentence(TABLE[TABLE.protection == NONE], SCORE) == ""


def test_where_nothing_is_lost_there_is_little_to_protect():
    safe = TABLE.assign(protected_drop=TABLE.protected_drop.where(TABLE.protection != NONE, -0.01))
    assert "costs nothing: there is little to protect" in protection_sentence(safe, SCORE)


def test_a_row_a_protection():
    none, clipped, *_ = protection_rows(TABLE, SCORE)
    assert none == {
        "name": "no protection",
        "lost": "20",
        "interval": none["interval"],
        "gain": "",
        "harm": "",
        "cost": "0",
    }
    assert (clipped["name"], clipped["gain"], clipped["harm"]) == ("clipped ranges", "4", "1")
    assert protection_label("of_my_own") == "of my own"
