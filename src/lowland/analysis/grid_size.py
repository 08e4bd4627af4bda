"""How large a study is."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lowland.analysis.lost import lost_cells


@dataclass(frozen=True, slots=True, kw_only=True)
class GridSize:
    """How much was planned and measured.

    Attributes:
        tasks: Tasks.
        recipes: Training recipes.
        seeds: Seeds of a recipe.
        precisions: Precisions of a run.
        cells: Deployable networks that were planned.
        alive: Those of them that gave any result.
        rows: Measurements.
    """

    tasks: int
    recipes: int
    seeds: int
    precisions: int
    cells: int
    alive: int
    rows: int


def grid_size(measurements: pd.DataFrame) -> GridSize:
    """The size of the study that a table is about.

    Args:
        measurements: The long table.
    """
    cells = measurements[(measurements.seed != "pairs") & (measurements.precision != "")]
    planned = len(cells[["task", "recipe", "seed", "precision"]].drop_duplicates())
    return GridSize(
        tasks=cells.task.nunique(),
        recipes=cells.recipe.nunique(),
        seeds=cells.seed.nunique(),
        precisions=cells.precision.nunique(),
        cells=planned,
        alive=planned - len(lost_cells(measurements)),
        rows=len(measurements),
    )
