"""Correlations, predictions and the Pareto front of the long table."""

from __future__ import annotations

from lowland.stages import Artifact, NodeTemplate, Stage

FUNCTIONS = "lowland.pipelines.analysis.nodes"


def _table(name: str) -> Artifact:
    return Artifact(name=name, kind="table", path=f"08_reporting/{name}.parquet", layer="reporting")


STAGE = Stage(
    name="analysis",
    nodes=(
        NodeTemplate(
            name="correlate",
            function=f"{FUNCTIONS}.correlate",
            level="study",
            inputs=("measurements",),
            outputs=(_table("correlations"),),
        ),
        NodeTemplate(
            name="predict",
            function=f"{FUNCTIONS}.predict",
            level="study",
            inputs=("measurements",),
            outputs=(_table("prediction_points"), _table("prediction_fits")),
        ),
        NodeTemplate(
            name="warn_of_policies",
            function=f"{FUNCTIONS}.warn_of_policies",
            level="study",
            inputs=("measurements",),
            outputs=(_table("policy_warnings"),),
        ),
        NodeTemplate(
            name="measure_hypervolume",
            function=f"{FUNCTIONS}.measure_hypervolume",
            level="study",
            inputs=("measurements",),
            outputs=(_table("hypervolume"),),
        ),
        NodeTemplate(
            name="find_front",
            function=f"{FUNCTIONS}.find_front",
            level="study",
            inputs=("measurements",),
            outputs=(
                _table("pareto"),
                Artifact(
                    name="pareto_plot",
                    kind="table",
                    path="08_reporting/pareto.csv",
                    layer="reporting",
                    remark="what `dvc plots` draws",
                    tracked="plots",
                    plot=(("x", "size"), ("y", "score"), ("template", "scatter")),
                ),
            ),
        ),
    ),
)
