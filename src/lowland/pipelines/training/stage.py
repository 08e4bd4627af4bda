"""One float training per run."""

from __future__ import annotations

from lowland.stages import Artifact, NodeTemplate, Stage

STAGE = Stage(
    name="training",
    nodes=(
        NodeTemplate(
            name="train",
            function="lowland.pipelines.training.nodes.train_float",
            level="run",
            inputs=("params:run", "params:task", "params:recipe", "params:training", "params:device", "splits"),
            outputs=(
                Artifact(
                    name="trained",
                    kind="model",
                    path="06_models/trained/{task}/{recipe}/{seed}.safetensors",
                    layer="models",
                ),
                Artifact(
                    name="curves",
                    kind="table",
                    path="06_models/trained/{task}/{recipe}/{seed}.curves.parquet",
                    layer="models",
                    missing_ok=True,
                    gathered="learning",
                ),
            ),
        ),
    ),
)
