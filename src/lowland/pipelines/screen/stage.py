"""Float runs, or a part of each, measured; cells predicted from them and from a known study."""

from __future__ import annotations

from lowland.stages import Artifact, NodeTemplate, Stage

FUNCTIONS = "lowland.pipelines.screen.nodes"
SOURCES = Artifact(
    name="screened_run",
    kind="table",
    path="07_model_output/screened/{task}/{recipe}/{seed}.parquet",
    layer="model output",
    missing_ok=True,
    remark="rows of the long table about a run, or about copies of it, and what training it so far took",
)
STAGE = Stage(
    name="screen",
    nodes=(
        NodeTemplate(
            name="measure_run",
            function=f"{FUNCTIONS}.measure_run",
            level="run",
            where=("screening.known", "recipe.trains"),
            inputs=(
                "params:run",
                "params:task",
                "params:recipe",
                "params:precisions",
                "params:training",
                "params:quantization",
                "params:landscape",
                "params:screening",
                "params:device",
                "splits",
            ),
            outputs=(SOURCES,),
        ),
        NodeTemplate(
            name="screen",
            function=f"{FUNCTIONS}.screen",
            level="task",
            where=("screening.known",),
            inputs=("params:screening", "params:precisions", "params:qat_recipes", "screened_run"),
            outputs=(
                Artifact(
                    name="screened",
                    kind="table",
                    path="08_reporting/screening/{task}/screened.parquet",
                    layer="reporting",
                    remark="what was measured of all runs",
                ),
                Artifact(
                    name="screening",
                    kind="table",
                    path="08_reporting/screening/{task}/screening.parquet",
                    layer="reporting",
                    remark="predicted robustness of every cell, and which cells are worth training",
                ),
                Artifact(
                    name="screening_answer",
                    kind="json",
                    path="08_reporting/screening/{task}/screening.json",
                    layer="reporting",
                    remark="the recipes worth training, and how far predictions are to be trusted",
                ),
            ),
        ),
    ),
)
