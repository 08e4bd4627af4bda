"""From the tables of all cells to the report."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from lowland.grid import CellGroup
from lowland.measurements import Family, checked, complete, stack
from lowland.summary import (
    Requirements,
    Style,
    accuracy_curves,
    correlation_heatmap,
    correlations,
    headline,
    pareto,
    pareto_figure,
    prediction_fits,
    prediction_points,
    recommend,
    render_report,
)

EXPECTED: tuple[Family, ...] = ("performance", "cost", "landscape", "noise", "bit_flip")


def gather(*tables: pd.DataFrame | None) -> pd.DataFrame:
    """The children's tables on top of each other; a child that left nothing is passed over here and told later."""
    return stack(tables)


def gather_curves(*curves: pd.DataFrame | None) -> pd.DataFrame:
    """Learning curves on top of each other."""
    present = [frame for frame in curves if frame is not None and len(frame)]
    return pd.concat(present, ignore_index=True) if present else pd.DataFrame()


def close_study(
    everything: CellGroup, shifted_sets: dict[str, list[str]], *tables: pd.DataFrame | None
) -> pd.DataFrame:
    """The long table, with a ``failed`` row for whatever left no result."""
    expected = [(cell, family) for cell in everything.cells for family in EXPECTED]
    expected += [(cell, "corruption") for cell in everything.cells if shifted_sets[cell.task]]
    pairs = [
        (a, b)
        for a, b in combinations(everything.cells, 2)
        if (a.task, a.recipe, a.precision) == (b.task, b.recipe, b.precision)
    ]
    return checked(complete(stack(tables), expected, pairs))


def correlate(measurements: pd.DataFrame) -> pd.DataFrame:
    """Rank correlations of landscape measures and baselines with robustness."""
    return correlations(measurements)


def predict(measurements: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predicted against measured loss rises, and how well the prediction fits."""
    points = prediction_points(measurements)
    return points, prediction_fits(points)


def find_front(measurements: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The Pareto front of accuracy, size and robustness; once more, rounded, for DVC's plots."""
    front = pareto(measurements)
    return front, front.round(6)


def choose(requirements: Requirements, measurements: pd.DataFrame) -> tuple[dict[str, Any], dict[str, Any]]:
    """The recommendation, and its few numbers for DVC's metrics."""
    recommendation = recommend(measurements, requirements)
    return recommendation, headline(recommendation, measurements)


def draw(
    measurements: pd.DataFrame, correlation_table: pd.DataFrame, front: pd.DataFrame
) -> tuple[go.Figure, go.Figure, go.Figure]:
    """Accuracy under bit errors, the front and the correlations of the first task, as kedro-viz previews."""
    task = measurements["task"].iloc[0]
    rows = measurements[measurements.task == task]
    style = Style.of(rows)
    return (
        accuracy_curves(rows, family="bit_flip", condition="bit_error_rate", style=style),
        pareto_figure(front[front.task == task], style=style),
        correlation_heatmap(correlation_table[correlation_table.task == task]),
    )


def report(
    descriptions: dict[str, str],
    commands: list[str],
    measurements: pd.DataFrame,
    correlation_table: pd.DataFrame,
    points: pd.DataFrame,
    fits: pd.DataFrame,
    front: pd.DataFrame,
    recommendation: dict[str, Any],
    *curves: pd.DataFrame | None,
) -> str:
    """The page."""
    return render_report(
        measurements,
        correlations=correlation_table,
        predictions=points,
        prediction_fits=fits,
        pareto=front,
        recommendation=recommendation,
        learning_curves=gather_curves(*curves),
        task_descriptions=descriptions,
        commands=commands,
    )
