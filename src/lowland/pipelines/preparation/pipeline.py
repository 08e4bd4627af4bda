"""One preparation per task, and what its networks are compared with."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from lowland import grid
from lowland.pipelines.preparation.nodes import prepare, refer

PREPARE = Pipeline(
    [
        Node(prepare, ["params:task", "raw"], ["splits", "inputs"], name="prepare", tags=["preparation"]),
        Node(refer, ["params:task", "splits"], "references", name="refer", tags=["preparation"]),
    ]
)


def create_pipeline(**_: object) -> Pipeline:
    """Prepares every task from its raw table."""
    study = grid.current()
    return grid.joined(
        grid.place(PREPARE, task, parameters={"task": f"tasks.{task}"}, inputs={"raw": study.raw_table(task)})
        for task in study.tasks
    )
