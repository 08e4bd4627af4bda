"""What failed, and what is a result although it is no number."""

import numpy as np
import pandas as pd

from lowland.analysis.statuses import failed, meaningless_measures, not_ok_counts
from lowland.decision.headline import headline


def test_bounds_and_hopeless_plans_are_no_failures(faulty):
    assert (faulty.status != "ok").any()
    assert not failed(faulty).any() and not_ok_counts(faulty).empty
    broken = faulty.copy()
    broken.loc[broken.index[broken.measure == "protected_bits"][0], ["value", "status"]] = [np.nan, "failed"]
    assert not_ok_counts(broken).rows.sum() == 1
    broken.loc[broken.index[broken.measure == "half_life"][:2], "status"] = ["failed", "non_finite"]
    assert not_ok_counts(broken).rows.sum() == 3, "half-lives may fail too"
    answer = {"tasks": {"jets": {"num_configurations": 1, "num_meeting_surely": 0, "chosen": None, "nearest": None}}}
    assert headline(answer, faulty)["jets"]["num_rows_not_ok"] == 0


def test_only_what_was_tried_can_be_without_a_meaning():
    rows = pd.DataFrame(
        [("float", "flip_curvature", "undefined"), ("qat", "all", "failed"), ("float", "all", "failed")],
        columns=["method", "measure", "status"],
    ).assign(task="jets", family="landscape")
    assert meaningless_measures(rows) == [], "of networks with codes, none came to it"
    tried = rows.assign(method="float")
    assert meaningless_measures(tried) == ["flip_curvature"], "one network that crashed says nothing about the others"
    assert meaningless_measures(rows.assign(family=["landscape", "noise", "noise"])) == ["flip_curvature"]
    assert meaningless_measures(rows.assign(status=["failed", "ok", "ok"])) == []
