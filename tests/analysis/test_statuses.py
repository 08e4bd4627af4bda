"""What failed, and what is a result although it is no number."""

import numpy as np

from lowland.analysis.statuses import failed, not_ok_counts
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
