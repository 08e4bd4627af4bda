"""One measurement per cell, one comparison of seeds per configuration."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from lowland import grid
from lowland.config import PAIRS
from lowland.pipelines.landscape.nodes import compare_seeds, measure_cell

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


def create_pipeline(**_: object) -> Pipeline:
    """Measures every cell and, where there are two seeds or more, how alike they are."""
    study_grid = grid.current()
    parts = [
        grid.place(
            MEASURE,
            cell.id,
            parameters={"cell": f"cells.{cell.id}", "task": f"tasks.{cell.task}", "landscape": "landscape"},
            inputs={"splits": f"{cell.task}.splits", "model": f"{cell.id}.model"},
        )
        for cell in study_grid.cells
    ]
    if len(study_grid.seeds) > 1:
        parts += [
            _comparison(task, recipe, precision, study_grid.seeds)
            for task, recipe in study_grid.configurations
            for precision in study_grid.precisions
        ]
    return grid.joined(parts)


def _comparison(task: str, recipe: str, precision: str, seeds: tuple[str, ...]) -> Pipeline:
    models = {f"model_{seed}": f"{task}.{recipe}.{seed}.{precision}.model" for seed in seeds}
    node = Node(
        compare_seeds,
        ["params:group", "splits", *models],
        "landscape_rows",
        name="compare_seeds",
        tags=["landscape"],
    )
    return grid.place(
        Pipeline([node]),
        f"{task}.{recipe}.{PAIRS}.{precision}",
        parameters={"group": f"groups.{task}.{recipe}.{precision}"},
        inputs={"splits": f"{task}.splits", **models},
    )
