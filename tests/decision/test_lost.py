"""Networks without a result are counted by recipe, with the reason."""

from lowland.decision.lost import lost_networks
from tests.made_study.first_day import lost


def test_nothing_is_lost_where_all_is_well(small):
    assert lost_networks(small) == []


def test_what_is_lost_is_counted(small):
    table = lost(small, (small.recipe == "plain") & (small.seed == "s1"))
    assert lost_networks(table) == [{"recipe": "plain", "status": "non_finite", "num_lost": 3, "num_networks": 6}]


def test_the_reason_says_more_than_that_it_failed(small):
    table = lost(small, small.precision == "qat4")
    gone = table.index[(table.status == "non_finite") & (table.family == "noise")]
    table.loc[gone, "status"] = "failed"
    assert {entry["status"] for entry in lost_networks(table)} == {"non_finite"}
    assert {e["status"] for e in lost_networks(lost(small, small.precision == "qat4", "failed"))} == {"failed"}
