"""The worst bit policy of every cell."""

from __future__ import annotations

from lowland.stages import MEASURED, Artifact, Expectation, NodeTemplate, Stage, picture, rows

FILE = f"{MEASURED}/worst_case/{{task}}/{{recipe}}/{{seed}}/{{precision}}"
POLICY = Artifact(
    name="worst_policy",
    kind="json",
    path=f"{FILE}.policy.json",
    layer="model output",
    missing_ok=True,
    remark="the static policy found to cost most, and how it was found",
)
SEARCH = picture("policy_search", path=f"{FILE}.policy_search.parquet")


def _searching(function: str, methods: tuple[str, ...], *inputs: str) -> NodeTemplate:
    return NodeTemplate(
        name=function,
        function=f"lowland.pipelines.worst_case.nodes.{function}",
        level="cell",
        methods=methods,
        inputs=inputs,
        outputs=(rows("worst_case"), POLICY, SEARCH),
        expects=(Expectation("worst_case"),),
        where=("worst_case.choices",),
    )


STAGE = Stage(
    name="worst_case",
    nodes=(
        _searching(
            "search_worst_policy",
            ("qat", "ptq", "weight_only", "imported"),
            *("params:cell", "params:task", "params:worst_case", "splits", "model"),
        ),
        _searching(
            "search_worst_policy_and_rescale",
            ("float", "dynamic"),
            *("params:cell", "params:precision", "params:task", "params:worst_case", "splits", "trained", "model"),
        ),
    ),
)
