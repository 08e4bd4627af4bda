"""From the tables of all cells to the report."""

from __future__ import annotations

import pandas as pd

from lowland.measurements import stack


def gather(*tables: pd.DataFrame | None) -> pd.DataFrame:
    """The children's tables on top of each other; a child that left nothing is passed over here and told later."""
    return stack(tables)
