"""Why: which measures of the landscape go along with fragility, and whether matched curvature predicts the damage."""

from __future__ import annotations

from typing import Any

from lowland.analysis.correlation_summary import beyond_chance, extremes
from lowland.analysis.prediction_verdicts import prediction_verdicts
from lowland.report.figure_registry import FigureRegistry
from lowland.report.figures import (
    PICTURES,
    correlation_heatmap,
    prediction_figure,
    predictor_comparison,
    ratio_heatmap,
    surface_kind,
)
from lowland.report.figures.pictures import OF_LANDSCAPE
from lowland.report.inputs import ReportInputs, TaskInputs
from lowland.report.section import Section
from lowland.report.sentences.disturbances import impossible_readings
from lowland.vocabulary.labels import condition_label

_SURFACES = {
    "filter_normalised": "along two random directions, each filter scaled to the length of the network's own (Li et "
    "al. 2018), the same random numbers for all networks",
    "hessian": "along the two directions of largest curvature, each of length one",
}


class Why(Section):
    """The shape of the loss landscape, and what it foretells."""

    name, title = "why", "Why"
    is_detail = True

    def context(self, inputs: ReportInputs, figures: FigureRegistry) -> dict[str, Any]:
        """``tasks``, each with its correlations, predictions and pictures."""
        return {"tasks": [_task(task, figures) for task in inputs.tasks]}


def _task(task: TaskInputs, figures: FigureRegistry) -> dict[str, Any]:
    correlations, points, fits = task.tables.correlations, task.tables.predictions, task.tables.prediction_fits
    heatmap = ""
    if len(correlations):
        heatmap = figures.add(f"correlation-{task.name}", correlation_heatmap(correlations), wide=True)
    surfaces = task.picture("loss_surface")
    return {
        "name": task.name,
        "score": task.style.score,
        "correlation": heatmap,
        "descriptive": float(correlations.descriptive.mean()) if len(correlations) else 0.0,
        "beyond_chance": beyond_chance(correlations),
        "extremes": [
            entry | {"label": condition_label(entry["condition"], entry["target"])}
            for entry in extremes(correlations).to_dict("records")
        ],
        "impossible": impossible_readings(task.facts.readings),
        "verdicts": [
            verdict | {"label": condition_label(verdict["condition"])}
            for verdict in (prediction_verdicts(fits) if len(fits) else [])
        ],
        "not_positive": int((points.status.eq("ok") & ~(points.measured > 0)).sum()) if len(points) else 0,
        "predictions": _predictions(task, figures),
        "pictures": _pictures(task, figures),
        "directions": _SURFACES[surface_kind(surfaces)] if len(surfaces) else "",
    }


def _predictions(task: TaskInputs, figures: FigureRegistry) -> list[dict[str, Any]]:
    """Three figures for each predicted disturbance."""
    points, fits, style = task.tables.predictions, task.tables.prediction_fits, task.style
    found = []
    for condition in dict.fromkeys(points.condition):
        drawn = {
            "prediction": prediction_figure(points, condition=condition, style=style),
            "comparison": predictor_comparison(fits, condition=condition),
            "ratio": ratio_heatmap(fits, condition=condition, style=style),
        }
        places = {kind: figures.add(f"{kind}-{task.name}-{condition}", figure) for kind, figure in drawn.items()}
        found.append({"label": condition_label(condition), **places})
    return found


def _pictures(task: TaskInputs, figures: FigureRegistry) -> dict[str, str]:
    """The pictures of the landscape that there are, by kind."""
    return {
        kind: figures.add(f"{kind}-{task.name}", draw(table, style=task.style))
        for kind, draw in PICTURES.items()
        if kind in OF_LANDSCAPE and len(table := task.picture(kind))
    }
