"""Networks that were to be made and gave no result, by recipe."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lowland.analysis.criteria import cells
from lowland.analysis.lost import lost_cells


def lost_networks(measurements: pd.DataFrame) -> list[dict[str, Any]]:
    """Lost networks by recipe and status, ready for JSON: ``recipe``, ``status``, ``num_lost``, ``num_networks``.

    Args:
        measurements: The long table of one task.
    """
    lost = lost_cells(measurements)
    total = cells(measurements).groupby("recipe", sort=False).size()
    return [
        {"recipe": str(recipe), "status": str(status), "num_lost": len(group), "num_networks": int(total[recipe])}
        for (recipe, status), group in lost.groupby(["recipe", "status"], sort=False)
    ]
