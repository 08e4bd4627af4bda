"""The seed to deploy is the best on validation, and test rows have no say in it."""

import numpy as np

from lowland.analysis.score import Score
from lowland.decision.deployment import to_deploy
from tests.made_study.first_day import lost, with_validation

SUBJECT = ("jets", "plain", "qat4", "qat", 4)
ACCURACY = Score.named("accuracy")


def _of(table):
    return to_deploy(table, SUBJECT, score=ACCURACY, folder="data/x")


def test_the_lowest_validation_loss_decides(small):
    for best, other in (("s0", "s1"), ("s1", "s0")):
        found = _of(with_validation(small, {best: 0.5, other: 0.6}))
        assert found["file"] == f"data/x/06_models/deployed/jets/plain/{best}/qat4.safetensors"
        assert found["seed"] == best and found["validation"]["loss"] == 0.5


def test_then_the_score_then_the_order(small):
    table = with_validation(small, {"s0": 0.5, "s1": 0.5})
    ours = (table.split == "validation") & (table.measure == "accuracy") & (table.recipe == "plain")
    for scores, seed in ((("s1", 0.9, 0.8), "s1"), (("s0", 0.9, 0.8), "s0"), (("s0", 0.8, 0.8), "s0")):
        best, high, rest = scores
        table.loc[ours, "value"] = np.where(table.seed[ours] == best, high, rest)
        assert _of(table)["seed"] == seed


def test_a_seed_that_was_lost_is_not_deployed(small):
    table = with_validation(small, {"s0": 0.5, "s1": 0.6})
    broken = lost(table, (table.seed == "s0") & (table.recipe == "plain"))
    assert _of(broken)["seed"] == "s1"
    assert _of(lost(table, table.recipe == "plain")) is None


def test_without_validation_rows_it_is_the_first(small):
    found = _of(small)
    assert found["seed"] == "s0" and found["validation"] is None
