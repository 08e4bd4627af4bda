"""Which configuration to deploy."""

from __future__ import annotations

from lowland.stages import Artifact, NodeTemplate, Stage

STAGE = Stage(
    name="decision",
    nodes=(
        NodeTemplate(
            name="recommend",
            function="lowland.pipelines.decision.nodes.choose",
            level="study",
            inputs=("params:requirements", "params:folder", "measurements", "references", "learning"),
            outputs=(
                Artifact(
                    name="recommendation", kind="json", path="08_reporting/recommendation.json", layer="reporting"
                ),
                Artifact(
                    name="metrics",
                    kind="json",
                    path="08_reporting/metrics.json",
                    layer="reporting",
                    tracked="metrics",
                ),
            ),
        ),
    ),
)
