"""Which half of the held-out rows a reader sees: what chooses never sees the rows on which the chosen is reported."""

from __future__ import annotations

import pandas as pd

from lowland.measurements import HALVES, Split


def on_split(measurements: pd.DataFrame, split: Split) -> pd.DataFrame:
    """The long table without the other half of the held-out rows.

    What is about no held-out rows (landscapes, sizes, validation rows, what gave no result at all) stays.

    Args:
        measurements: The long table.
        split: ``selection`` for what chooses, ``test`` for what is told.
    """
    others = [half for half in HALVES if half != split]
    return measurements[~measurements["split"].isin(others)]
