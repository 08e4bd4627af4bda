"""The report's figures: functions of tables that return Plotly figures."""

from lowland.summary.figures.correlation_map import correlation_heatmap
from lowland.summary.figures.curves import score_curves, shift_curves
from lowland.summary.figures.front import pareto_figure
from lowland.summary.figures.learning import learning_figure
from lowland.summary.figures.pictures import PICTURES, surface_kind
from lowland.summary.figures.prediction import prediction_figure, predictor_comparison, ratio_heatmap
from lowland.summary.figures.recall import recall_figure

__all__ = [
    "PICTURES",
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
