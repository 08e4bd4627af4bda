"""One measurement per cell, one comparison of seeds per configuration, pictures of the cells that parameters select."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from lowland import grid
from lowland.config import PAIRS
from lowland.measurements import Cell
from lowland.pipelines.landscape.nodes import compare_seeds, connect_seeds, measure_cell, picture_cell

MEASURE = Pipeline(
    [
        Node(
            measure_cell,
            ["params:cell", "params:task", "params:landscape", "splits", "model"],
            "landscape_rows",
            name="measure_landscape",
            tags=["landscape"],
        )
    ]
)

PICTURE = Pipeline(
    [
        Node(
            picture_cell,
            ["params:cell", "params:task", "params:landscape_detail", "splits", "model"],
            ["landscape_detail_rows", "spectral_density", "loss_surface"],
            name="picture_landscape",
            tags=["landscape"],
        )
    ]
)


def create_pipeline(**_: object) -> Pipeline:
    """Measures every cell and, where there are two seeds or more, how alike they are."""
    study_grid = grid.current()
    parts = [_of_cell(MEASURE, cell, "landscape") for cell in study_grid.cells]
    parts += [_of_cell(PICTURE, cell, "landscape_detail") for cell in study_grid.detailed_cells]
    if len(study_grid.seeds) > 1:
        parts += [_of_pairs(task, recipe, precision, study_grid) for task, recipe, precision in study_grid.groups]
    return grid.joined(parts)


def _of_cell(template: Pipeline, cell: Cell, options: str) -> Pipeline:
    return grid.place(
        template,
        cell.id,
        parameters={"cell": f"cells.{cell.id}", "task": f"tasks.{cell.task}", options: options},
        inputs={"splits": f"{cell.task}.splits", "model": f"{cell.id}.model"},
    )


def _of_pairs(task: str, recipe: str, precision: str, study_grid: grid.Grid) -> Pipeline:
    """What is measured between the seeds of one configuration."""
    models = {f"model_{seed}": f"{task}.{recipe}.{seed}.{precision}.model" for seed in study_grid.seeds}
    nodes = [
        Node(
            compare_seeds,
            ["params:group", "params:task", "params:landscape", "splits", *models],
            "landscape_rows",
            name="compare_seeds",
            tags=["landscape"],
        )
    ]
    parameters = {"group": f"groups.{task}.{recipe}.{precision}", "task": f"tasks.{task}", "landscape": "landscape"}
    if precision in study_grid.detailed_precisions and study_grid.detailed_pairs:
        nodes.append(
            Node(
                connect_seeds,
                ["params:group", "params:task", "params:landscape_detail", "splits", *models],
                ["landscape_detail_rows", "mode_connectivity"],
                name="connect_seeds",
                tags=["landscape"],
            )
        )
        parameters["landscape_detail"] = "landscape_detail"
    return grid.place(
        Pipeline(nodes),
        f"{task}.{recipe}.{PAIRS}.{precision}",
        parameters=parameters,
        inputs={"splits": f"{task}.splits", **models},
    )
