"""One series of disturbances per cell."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from lowland import grid
from lowland.pipelines.perturbation.nodes import disturb

DISTURB = Pipeline(
    [
        Node(
            disturb,
            ["params:cell", "params:task", "params:input_noise", "params:bit_flips", "splits", "model"],
            "perturbation_rows",
            name="disturb",
            tags=["perturbation"],
        )
    ]
)


def create_pipeline(**_: object) -> Pipeline:
    """Disturbs every cell."""
    return grid.joined(
        grid.place(
            DISTURB,
            cell.id,
            parameters={
                "cell": f"cells.{cell.id}",
                "task": f"tasks.{cell.task}",
                "input_noise": "input_noise",
                "bit_flips": "bit_flips",
            },
            inputs={"splits": f"{cell.task}.splits", "model": f"{cell.id}.model"},
        )
        for cell in grid.current().cells
    )
