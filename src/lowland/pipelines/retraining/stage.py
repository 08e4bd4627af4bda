"""The deployed networks that parameters select, retrained on what they answer otherwise than their float network."""

from __future__ import annotations

from lowland.stages import Expectation, NodeTemplate, Stage, rows

STAGE = Stage(
    name="retraining",
    nodes=(
        NodeTemplate(
            name="retrain_on_disagreements",
            function="lowland.pipelines.retraining.nodes.retrain_on_disagreements",
            level="cell",
            selection="retraining",
            methods=("qat", "ptq", "weight_only", "dynamic"),
            where=("descriptions.{task}.names_classes",),
            inputs=(
                "params:cell",
                "params:run",
                "params:recipe",
                "params:precision",
                "params:quantization",
                "params:fine_tuning",
                "params:retraining",
                "params:device",
                "params:task",
                "splits",
                "trained",
                "model",
            ),
            outputs=(rows("retraining"),),
            expects=(Expectation("disagreement", "retraining_rows"),),
        ),
    ),
)
