"""One preparation per task, and what its networks are compared with."""

from __future__ import annotations

from lowland.stages import Artifact, NodeTemplate, Stage

RAW = Artifact(name="raw", kind="table", path="01_raw/{task}.parquet", layer="raw", shared_path=True)
SPLITS = Artifact(name="splits", kind="tensors", path="05_model_input/{task}/splits.safetensors", layer="model input")
INPUTS = Artifact(
    name="inputs",
    kind="json",
    path="05_model_input/{task}/inputs.json",
    layer="model input",
    missing_ok=True,
    remark="features, what is done to them before the network sees them, and what was left out",
)
REFERENCES = Artifact(
    name="references",
    kind="table",
    path="05_model_input/{task}/references.parquet",
    layer="model input",
    missing_ok=True,
    remark="scores of the guess and of simple models of another library",
)

STAGE = Stage(
    name="preparation",
    sources=(("task", RAW),),
    nodes=(
        NodeTemplate(
            name="prepare",
            function="lowland.pipelines.preparation.nodes.prepare",
            level="task",
            inputs=("params:task", "raw"),
            outputs=(SPLITS, INPUTS),
        ),
        NodeTemplate(
            name="refer",
            function="lowland.pipelines.preparation.nodes.refer",
            level="task",
            inputs=("params:task", "splits"),
            outputs=(REFERENCES,),
        ),
    ),
)
