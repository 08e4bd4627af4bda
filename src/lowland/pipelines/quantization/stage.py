"""One deployed network per cell; the method of its precision chooses the node."""

from __future__ import annotations

from lowland.stages import Artifact, Expectation, NodeTemplate, Stage, rows

MODEL = Artifact(
    name="model",
    kind="model",
    path="06_models/deployed/{task}/{recipe}/{seed}/{precision}.safetensors",
    layer="models",
)
CURVES = Artifact(
    name="curves",
    kind="table",
    path="06_models/deployed/{task}/{recipe}/{seed}/{precision}.curves.parquet",
    layer="models",
    missing_ok=True,
    gathered="learning",
)
ROWS = rows("quantization")
EXPECTS = (
    Expectation("performance"),
    Expectation("cost"),
    Expectation("shift", where=("descriptions.{task}.shifted_sets",)),
)

STAGE = Stage(
    name="quantization",
    nodes=(
        NodeTemplate(
            name="deploy_float",
            function="lowland.pipelines.quantization.nodes.deploy_float",
            level="cell",
            methods=("float",),
            inputs=("params:cell", "params:task", "splits", "trained"),
            outputs=(MODEL, ROWS),
            expects=EXPECTS,
        ),
        NodeTemplate(
            name="quantize_after_training",
            function="lowland.pipelines.quantization.nodes.quantize_after_training",
            level="cell",
            methods=("ptq",),
            inputs=("params:cell", "params:precision", "params:quantization", "params:task", "splits", "trained"),
            outputs=(MODEL, ROWS),
            expects=EXPECTS,
        ),
        NodeTemplate(
            name="quantize_as_runtime",
            function="lowland.pipelines.quantization.nodes.quantize_as_runtime",
            level="cell",
            methods=("dynamic", "weight_only"),
            inputs=("params:cell", "params:precision", "params:task", "splits", "trained"),
            outputs=(MODEL, ROWS),
            expects=EXPECTS,
        ),
        NodeTemplate(
            name="deploy_imported",
            function="lowland.pipelines.quantization.nodes.deploy_imported",
            level="cell",
            methods=("imported",),
            inputs=("params:cell", "params:task", "splits", "trained", "as_given"),
            outputs=(MODEL, ROWS),
            expects=EXPECTS,
        ),
        NodeTemplate(
            name="fine_tune_quantized",
            function="lowland.pipelines.quantization.nodes.fine_tune_quantized",
            level="cell",
            methods=("qat",),
            inputs=(
                "params:cell",
                "params:run",
                "params:recipe",
                "params:precision",
                "params:quantization",
                "params:fine_tuning",
                "params:device",
                "params:task",
                "splits",
                "trained",
            ),
            outputs=(MODEL, CURVES, ROWS),
            expects=EXPECTS,
        ),
    ),
)
