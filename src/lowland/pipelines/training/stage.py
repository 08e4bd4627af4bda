"""One float training per run; of a network from outside, its copy with float parameters."""

from __future__ import annotations

from lowland.stages import Artifact, NodeTemplate, Stage

TRAINED = Artifact(
    name="trained",
    kind="model",
    path="06_models/trained/{task}/{recipe}/{seed}.safetensors",
    layer="models",
)

STAGE = Stage(
    name="training",
    nodes=(
        NodeTemplate(
            name="train",
            function="lowland.pipelines.training.nodes.train_float",
            level="run",
            inputs=("params:run", "params:task", "params:recipe", "params:training", "params:device", "splits"),
            outputs=(
                TRAINED,
                Artifact(
                    name="curves",
                    kind="table",
                    path="06_models/trained/{task}/{recipe}/{seed}.curves.parquet",
                    layer="models",
                    missing_ok=True,
                    gathered="learning",
                ),
            ),
            where=("recipe.trains",),
        ),
        NodeTemplate(
            name="read_network",
            function="lowland.pipelines.training.nodes.read_network",
            level="run",
            inputs=("params:task", "splits"),
            outputs=(
                TRAINED,
                Artifact(
                    name="as_given",
                    kind="model",
                    path="06_models/trained/{task}/{recipe}/{seed}.given.safetensors",
                    layer="models",
                ),
            ),
            where=("recipe.is_given",),
        ),
    ),
)
