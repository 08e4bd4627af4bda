"""From the long table to correlations, a Pareto front, a recommendation and the report."""

from lowland.summary.closing import closing_lines
from lowland.summary.correlation import correlations
from lowland.summary.figures import correlation_heatmap, pareto_figure, score_curves
from lowland.summary.headline import headline
from lowland.summary.pareto import pareto
from lowland.summary.prediction import prediction_fits
from lowland.summary.prediction_points import prediction_points
from lowland.summary.recommendation import recommend
from lowland.summary.report import render_report
from lowland.summary.requirements import Requirements, TaskRequirements, check_measurable
from lowland.summary.splits import on_split
from lowland.summary.style import Style

__all__ = [
    "Requirements",
    "Style",
    "TaskRequirements",
    "check_measurable",
    "closing_lines",
    "correlation_heatmap",
    "correlations",
    "headline",
    "on_split",
    "pareto",
    "pareto_figure",
    "prediction_fits",
    "prediction_points",
    "recommend",
    "render_report",
    "score_curves",
]
