"""From the long table to correlations, predictions and the Pareto front."""

from __future__ import annotations

import pandas as pd

import lowland.tasks  # noqa: F401  # declares what tasks call their shifted sets
from lowland.analysis.correlation import correlations
from lowland.analysis.hypervolume import hypervolume_changes
from lowland.analysis.pareto import pareto
from lowland.analysis.policy_warnings import policy_warnings
from lowland.analysis.prediction import prediction_fits
from lowland.analysis.prediction_points import prediction_points
from lowland.analysis.splits import on_split


def correlate(measurements: pd.DataFrame) -> pd.DataFrame:
    """Rank correlations of landscape measures and baselines with robustness."""
    return correlations(on_split(measurements, "test"))


def predict(measurements: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predicted against measured loss rises, and how well the prediction fits."""
    points = prediction_points(on_split(measurements, "test"))
    return points, prediction_fits(points)


def warn_of_policies(measurements: pd.DataFrame) -> pd.DataFrame:
    """What goes with the cost of the worst policy and is known before deployment."""
    return policy_warnings(measurements)


def find_front(measurements: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The Pareto front of score, size and robustness; once more, rounded, for DVC's plots."""
    front = pareto(on_split(measurements, "selection"), reported=on_split(measurements, "test"))
    return front, front.round(6)


def measure_hypervolume(measurements: pd.DataFrame) -> pd.DataFrame:
    """What each recipe and way to quantize adds to all that can be had at once."""
    return hypervolume_changes(on_split(measurements, "test"))
