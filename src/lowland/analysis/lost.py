"""Networks that were to be made and gave no result."""

from __future__ import annotations

import pandas as pd

from lowland.analysis.criteria import CELL, cells


def lost_cells(measurements: pd.DataFrame) -> pd.DataFrame:
    """Cells without a single row that is ``ok``, with the ``status`` that their rows give.

    Args:
        measurements: The long table.
    """
    everyone = cells(measurements)
    alive = measurements.loc[measurements.status == "ok", CELL].drop_duplicates()
    marked = everyone.merge(alive, how="left", on=CELL, indicator=True)
    lost = marked[marked["_merge"] == "left_only"].drop(columns="_merge")
    told = measurements[measurements.status != "ok"]
    told = told.sort_values("status", key=lambda s: s == "failed", kind="stable")  # why says more than that
    why = told.drop_duplicates(CELL)[[*CELL, "status"]]
    return lost.merge(why, how="left", on=CELL).fillna({"status": "failed"}).reset_index(drop=True)
