"""The page, and the figures that kedro-viz shows."""

from __future__ import annotations

from lowland.stages import Artifact, NodeTemplate, Stage

FUNCTIONS = "lowland.pipelines.report.nodes"


def _figure(name: str) -> Artifact:
    return Artifact(
        name=f"{name}_figure",
        kind="plotly",
        path="08_reporting/figures/{name}.json",
        layer="reporting",
        entry="{name}_figure",
    )


STAGE = Stage(
    name="report",
    nodes=(
        NodeTemplate(
            name="draw",
            function=f"{FUNCTIONS}.draw",
            level="study",
            inputs=(
                "measurements",
                "correlations",
                "pareto_plot",
            ),  # the file that DVC draws, so that it is no loose end
            outputs=tuple(map(_figure, ("bit_error", "pareto", "correlation", "churn"))),
        ),
        NodeTemplate(
            name="report",
            function=f"{FUNCTIONS}.report",
            level="study",
            inputs=(
                "params:descriptions",
                "params:commands",
                "measurements",
                "vocabulary",
                "correlations",
                "prediction_points",
                "prediction_fits",
                "pareto",
                "policy_warnings",
                "hypervolume",
                "recommendation",
                "inputs",
                "learning",
                "pictures",
            ),
            outputs=(Artifact(name="report", kind="text", path="08_reporting/report.html", layer="reporting"),),
        ),
    ),
)
