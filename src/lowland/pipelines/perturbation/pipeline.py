"""One series of disturbances per cell, and the map of all single flips of those that parameters select."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from lowland import grid
from lowland.measurements import Cell
from lowland.pipelines.perturbation.nodes import disturb, map_flips

OPTIONS = ("input_noise", "sensor_faults", "corruptions", "attacks", "faults", "half_life")

DISTURB = Pipeline(
    [
        Node(
            disturb,
            ["params:cell", "params:task", *(f"params:{name}" for name in OPTIONS), "splits", "model"],
            "perturbation_rows",
            name="disturb",
            tags=["perturbation"],
        )
    ]
)

MAP = Pipeline(
    [
        Node(
            map_flips,
            ["params:cell", "params:task", "params:flip_map", "params:faults.encoding", "splits", "model"],
            ["flip_map_rows", "flip_map", "protection"],
            name="map_flips",
            tags=["perturbation"],
        )
    ]
)


def create_pipeline(**_: object) -> Pipeline:
    """Disturbs every cell and maps the flips of the selected ones."""
    study_grid = grid.current()
    parts = [_of_cell(DISTURB, cell, OPTIONS) for cell in study_grid.cells]
    parts += [_of_cell(MAP, cell, ("flip_map", "faults.encoding")) for cell in study_grid.mapped_cells]
    return grid.joined(parts)


def _of_cell(template: Pipeline, cell: Cell, options: tuple[str, ...]) -> Pipeline:
    return grid.place(
        template,
        cell.id,
        parameters={"cell": f"cells.{cell.id}", "task": f"tasks.{cell.task}"} | {name: name for name in options},
        inputs={"splits": f"{cell.task}.splits", "model": f"{cell.id}.model"},
    )
