"""One preparation per task."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from lowland import grid
from lowland.pipelines.preparation.nodes import fetch_published, prepare

FETCH = Pipeline([Node(fetch_published, ["params:task"], "published", name="fetch", tags=["preparation"])])
PREPARE = Pipeline([Node(prepare, ["params:task", "raw"], "splits", name="prepare", tags=["preparation"])])


def create_pipeline(**_: object) -> Pipeline:
    """Prepares every task; the published set is fetched first where a task asks for it."""
    parts = []
    for task, options in grid.current().study.tasks.items():
        parameters = {"task": f"tasks.{task}"}
        published = options.source == "openml"
        if published:
            parts.append(grid.place(FETCH, task, parameters=parameters, inputs={}))
        raw = f"{task}.published" if published else f"{task}.raw"
        parts.append(grid.place(PREPARE, task, parameters=parameters, inputs={"raw": raw}))
    return grid.joined(parts)
