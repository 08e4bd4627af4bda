"""The report's figures: functions of tables that return Plotly figures."""

from lowland.report.figures.churn import churn_figure
from lowland.report.figures.correlation_map import correlation_heatmap
from lowland.report.figures.curves import score_curves, shift_curves
from lowland.report.figures.front import pareto_figure
from lowland.report.figures.learning import learning_figure
from lowland.report.figures.pictures import PICTURES, surface_kind
from lowland.report.figures.prediction import prediction_figure, predictor_comparison, ratio_heatmap
from lowland.report.figures.recall import recall_figure

__all__ = [
    "PICTURES",
    "churn_figure",
    "correlation_heatmap",
    "learning_figure",
    "pareto_figure",
    "prediction_figure",
    "predictor_comparison",
    "ratio_heatmap",
    "recall_figure",
    "score_curves",
    "shift_curves",
    "surface_kind",
]
