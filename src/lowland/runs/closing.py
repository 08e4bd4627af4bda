"""What a run says at its end of networks that went wrong."""

from __future__ import annotations

import pandas as pd

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
