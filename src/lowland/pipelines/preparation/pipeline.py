"""One preparation per task."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from lowland import grid
from lowland.pipelines.preparation.nodes import prepare

PREPARE = Pipeline([Node(prepare, ["params:task", "raw"], ["splits", "inputs"], name="prepare", tags=["preparation"])])


def create_pipeline(**_: object) -> Pipeline:
    """Prepares every task from its raw table."""
    study = grid.current()
    return grid.joined(
        grid.place(PREPARE, task, parameters={"task": f"tasks.{task}"}, inputs={"raw": study.raw_table(task)})
        for task in study.tasks
    )
