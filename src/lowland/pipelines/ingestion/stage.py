"""One raw table a task, where the project does not ship it."""

from __future__ import annotations

from lowland.stages import Artifact, NodeTemplate, Stage

IMPORTED = Artifact(
    name="imported",
    kind="table",
    path="01_raw/imported/{task}.parquet",
    layer="raw",
    remark="made from files outside the project, a simulation or a download, and again when these change",
)
ORIGIN = Artifact(
    name="origin",
    kind="json",
    path="01_raw/imported/{task}.json",
    layer="raw",
    remark="what the table beside it was made from",
)

STAGE = Stage(
    name="ingestion",
    nodes=(
        NodeTemplate(
            name="ingest",
            function="lowland.pipelines.ingestion.nodes.ingest",
            level="task",
            where=("descriptions.{task}.is_obtained",),
            inputs=("params:task",),
            outputs=(IMPORTED, ORIGIN),
        ),
    ),
)
