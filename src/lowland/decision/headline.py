"""The few numbers that are worth comparing between two versions of a study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lowland.analysis.statuses import failed


def headline(recommendation: Mapping[str, Any], measurements: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Per task: how many configurations there are and meet the requirements, and the chosen one's numbers.

    Keys hold no dots, as DVC's metrics want it.

    Args:
        recommendation: From ``recommend``.
        measurements: The long table.
    """
    found = {}
    for task, answer in recommendation["tasks"].items():
        rows = measurements[measurements["task"] == task]
        numbers: dict[str, float] = {
            "num_configurations": answer["num_configurations"],
            "num_meeting_surely": answer["num_meeting_surely"],
            "num_rows_not_ok": int(failed(rows).sum()),
        }
        subject = answer["chosen"] or answer["nearest"]
        for criterion, number in subject["numbers"].items() if subject else ():
            if number["mean"] is not None:
                numbers[criterion.replace(".", "_")] = number["mean"]
        found[task] = numbers
    return found
