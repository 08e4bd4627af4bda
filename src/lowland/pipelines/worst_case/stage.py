"""The worst bit policy of every cell."""

from __future__ import annotations

from lowland.stages import MEASURED, Artifact, Expectation, NodeTemplate, Stage, rows

POLICY = Artifact(
    name="worst_policy",
    kind="json",
    path=f"{MEASURED}/worst_case/{{task}}/{{recipe}}/{{seed}}/{{precision}}.policy.json",
    layer="model output",
    missing_ok=True,
    remark="the static policy found to cost most, and how it was found",
)

STAGE = Stage(
    name="worst_case",
    nodes=(
        NodeTemplate(
            name="search_worst_policy",
            function="lowland.pipelines.worst_case.nodes.search_worst_policy",
            level="cell",
            inputs=("params:cell", "params:task", "params:worst_case", "splits", "model"),
            outputs=(rows("worst_case"), POLICY),
            expects=(Expectation("worst_case"),),
            where=("worst_case.choices",),
        ),
    ),
)
