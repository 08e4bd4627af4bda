"""What a run says at its end: what went wrong with networks, the answer, and where to read on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lowland import summary

CELL = ["task", "recipe", "seed", "precision"]


def diverged_lines(measurements: pd.DataFrame) -> list[str]:
    """One line for every recipe of which networks diverged.

    Args:
        measurements: The long table.
    """
    rows = measurements[measurements["family"] == "performance"]
    cells = rows.assign(diverged=rows["status"] == "non_finite").groupby(CELL, sort=False, observed=True)["diverged"]
    table = cells.any().reset_index()
    lines, several = [], table["task"].nunique() > 1
    for (task, recipe), group in table.groupby(["task", "recipe"], sort=False, observed=True):
        if count := int(group["diverged"].sum()):
            name = f"{task}, {recipe}" if several else recipe
            lines.append(f"{name}: {count} of {len(group)} networks diverged (non_finite)")
    return lines


def last_lines(recommendation: Mapping[str, Any], page: Path) -> list[str]:
    """The answer with the file to deploy, and the page.

    Args:
        recommendation: The content of ``recommendation.json``.
        page: The report.
    """
    answer = getattr(summary, "closing_lines", None)
    lines = [] if answer is None else list(answer(recommendation))
    return [*lines, f"report: {page}"]
