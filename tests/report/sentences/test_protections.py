"""Protections in words."""

from lowland.analysis.protections import protections
from lowland.analysis.score import Score
from lowland.report.score_text import ScoreText
from lowland.report.sentences.protections import protection_label, protection_rows, protection_sentence
from lowland.vocabulary.worst_case_measures import NO_PROTECTION
from tests.made_study.protections import protections as rows

SCORE, ERROR = (ScoreText.of(Score.named(name)) for name in ("accuracy", "emd"))
TABLE = protections(rows(recipes=("plain",)))


def test_the_cheapest_that_is_enough_is_named():
    assert protection_sentence(TABLE, TABLE, SCORE) == (
        "The cheapest protection that keeps the loss under 2 points on the rows that choose: layers kept wide, 1.5 "
        "points in place of 20 points for 0.5 more bits on average."
    )
    free = TABLE.assign(protection_cost=0.0)
    assert protection_sentence(free, free, SCORE).endswith("at no cost in bits.")


def test_who_is_named_is_found_on_the_rows_that_choose():
    lucky = TABLE.assign(protected_drop=TABLE.protected_drop.where(TABLE.protection != "clipped_ranges", 0.001))
    assert "layers kept wide" in protection_sentence(lucky, TABLE, SCORE)
    unsure = TABLE.assign(protected_drop_high=0.05)
    assert protection_sentence(TABLE, unsure, SCORE).startswith(
        "No protection tried surely keeps the loss under 2 points"
    )


def test_where_none_is_enough_the_best_is_named():
    weak = TABLE[TABLE.protection.isin([NO_PROTECTION, "clipped_ranges"])]
    told = protection_sentence(weak, weak, SCORE)
    assert told.startswith("No protection tried surely keeps the loss under 2 points")
    assert "clipped ranges, 15 points" in told
    assert protection_sentence(TABLE, TABLE, ERROR).startswith("The protection that leaves least: outliers coded apart")
    bare = TABLE[TABLE.protection == NO_PROTECTION]
    assert protection_sentence(bare, bare, SCORE) == ""


def test_where_nothing_is_lost_there_is_little_to_protect():
    safe = TABLE.assign(protected_drop=TABLE.protected_drop.where(TABLE.protection != NO_PROTECTION, -0.01))
    assert "costs nothing: there is little to protect" in protection_sentence(safe, safe, SCORE)


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
