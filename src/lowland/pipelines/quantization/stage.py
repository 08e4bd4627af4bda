"""One deployed network per cell; the method of its precision chooses the node."""

from __future__ import annotations

from dataclasses import replace

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
UNQUANTIZED = Artifact(
    name="unquantized",
    kind="tensors",
    path="06_models/deployed/{task}/{recipe}/{seed}/{precision}.unquantized.safetensors",
    layer="models",
)
ROWS = rows("quantization")
EXPECTS = (
    Expectation("performance"),
    Expectation("cost"),
    Expectation("shift", where=("descriptions.{task}.shifted_sets",)),
)


def _fine_tuning(name: str, methods: tuple[str, ...], *where: str) -> tuple[NodeTemplate, NodeTemplate]:
    """A network that is fine-tuned, and the same where its answers without quantizers are kept."""
    plain = NodeTemplate(
        name=name,
        function=f"lowland.pipelines.quantization.nodes.{name}",
        level="cell",
        methods=methods,
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
        where=(*where, "precision.deployed_alone"),
    )
    kept = replace(plain, outputs=(MODEL, CURVES, ROWS, UNQUANTIZED), where=(*where, "precision.fake_float"))
    return plain, kept


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
            where=("precision.as_trained",),
        ),
        NodeTemplate(
            name="quantize_after_training",
            function="lowland.pipelines.quantization.nodes.quantize_after_training",
            level="cell",
            methods=("ptq",),
            inputs=("params:cell", "params:precision", "params:quantization", "params:task", "splits", "trained"),
            outputs=(MODEL, ROWS),
            expects=EXPECTS,
            where=("precision.as_trained",),
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
        *_fine_tuning("fine_tune_quantized", ("qat",)),
        *_fine_tuning("fine_tune_float", ("float", "ptq"), "precision.fine_tuned"),
    ),
)
