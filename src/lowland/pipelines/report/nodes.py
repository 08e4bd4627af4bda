"""The page, and figures for kedro-viz."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

import lowland.tasks  # noqa: F401  # declares what tasks call their shifted sets
from lowland.pipelines.frames import gather_frames, pictures_of
from lowland.summary.figures import correlation_heatmap, pareto_figure, score_curves
from lowland.summary.report import render_report
from lowland.summary.style import Style


def draw(
    measurements: pd.DataFrame, correlation_table: pd.DataFrame, front: pd.DataFrame
) -> tuple[go.Figure, go.Figure, go.Figure]:
    """The score under bit errors, the front and the correlations of the first task, as kedro-viz previews.

    The first task with a result; where none has any, the figures say so.
    """
    alive = measurements[measurements.status == "ok"]
    task = (alive if len(alive) else measurements)["task"].iloc[0]
    rows = measurements[measurements.task == task]
    style = Style.of(rows)
    return (
        score_curves(rows, condition="bit_error_rate", style=style),
        pareto_figure(front[front.task == task], style=style),
        correlation_heatmap(correlation_table[correlation_table.task == task]),
    )


def report(
    descriptions: dict[str, str],
    readings: dict[str, dict[str, Any]],
    commands: list[str],
    measurements: pd.DataFrame,
    correlation_table: pd.DataFrame,
    points: pd.DataFrame,
    fits: pd.DataFrame,
    front: pd.DataFrame,
    recommendation: dict[str, Any],
    inputs: dict[str, Any],
    *frames: pd.DataFrame | None,
) -> str:
    """The page; ``frames`` are the learning curves of every task, and then the pictures of every task."""
    half = len(frames) // 2
    learning, album = gather_frames(*frames[:half]), gather_frames(*frames[half:])
    return render_report(
        measurements,
        correlations=correlation_table,
        predictions=points,
        prediction_fits=fits,
        pareto=front,
        recommendation=recommendation,
        listings=inputs,
        learning_curves=learning,
        pictures=pictures_of(album),
        task_descriptions=descriptions,
        readings=readings,
        commands=commands,
    )
