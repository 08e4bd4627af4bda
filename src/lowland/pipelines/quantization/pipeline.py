"""One deployed network per cell; the method of its precision chooses the template."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from lowland import grid
from lowland.pipelines.quantization.nodes import deploy_float, fine_tune_quantized, quantize_after_training

OUTPUTS = ["model", "quantization_rows"]
TEMPLATES = {
    "float": Pipeline(
        [
            Node(
                deploy_float,
                ["params:cell", "params:task", "splits", "trained"],
                OUTPUTS,
                name="deploy_float",
                tags=["quantization"],
            )
        ]
    ),
    "ptq": Pipeline(
        [
            Node(
                quantize_after_training,
                ["params:cell", "params:precision", "params:quantization", "params:task", "splits", "trained"],
                OUTPUTS,
                name="quantize_after_training",
                tags=["quantization"],
            )
        ]
    ),
    "qat": Pipeline(
        [
            Node(
                fine_tune_quantized,
                [
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
                ],
                ["model", "curves", "quantization_rows"],
                name="fine_tune_quantized",
                tags=["quantization"],
            )
        ]
    ),
}


def create_pipeline(**_: object) -> Pipeline:
    """Deploys every run at every precision."""
    parts = []
    for cell in grid.current().cells:
        template, run = TEMPLATES[cell.method], f"{cell.task}.{cell.recipe}.{cell.seed}"
        wires = {
            "cell": f"cells.{cell.id}",
            "run": f"runs.{run}",
            "recipe": f"recipes.{cell.recipe}",
            "precision": f"precisions.{cell.precision}",
            "task": f"tasks.{cell.task}",
            "quantization": "quantization",
            "fine_tuning": "fine_tuning",
            "device": "device",
        }
        inputs = {"splits": f"{cell.task}.splits", "trained": f"{run}.trained"}
        needed = {key: value for key, value in wires.items() if f"params:{key}" in template.inputs()}
        parts.append(grid.place(template, cell.id, parameters=needed, inputs=inputs))
    return grid.joined(parts)
