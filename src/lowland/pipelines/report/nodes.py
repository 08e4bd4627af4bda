"""The page, and figures for kedro-viz."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from lowland.analysis.splits import on_split
from lowland.pipelines.frames import gather_frames, pictures_of
from lowland.report.figures import churn_figure, correlation_heatmap, pareto_figure, score_curves
from lowland.report.inputs import Facts, ReportInputs, Tables
from lowland.report.page import render_page
from lowland.report.style import Style
from lowland.tasks.description import TaskDescriptions
from lowland.vocabulary.conditions import declare_written


def draw(
    measurements: pd.DataFrame, correlation_table: pd.DataFrame, front: pd.DataFrame
) -> tuple[go.Figure, go.Figure, go.Figure, go.Figure]:
    """The score under bit errors, the front, correlations and churn of the first task, as kedro-viz previews.

    The first task with a result; where none has any, the figures say so.
    """
    told = on_split(measurements, "test")
    alive = told[told.status == "ok"]
    task = (alive if len(alive) else told)["task"].iloc[0]
    rows = told[told.task == task]
    style = Style.of(rows)
    return (
        score_curves(rows, condition="bit_error_rate", style=style),
        pareto_figure(front[front.task == task], style=style),
        correlation_heatmap(correlation_table[correlation_table.task == task]),
        churn_figure(rows, style=style),
    )


def report(
    descriptions: TaskDescriptions,
    commands: list[str],
    measurements: pd.DataFrame,
    vocabulary: dict[str, Any],
    correlation_table: pd.DataFrame,
    points: pd.DataFrame,
    fits: pd.DataFrame,
    front: pd.DataFrame,
    warnings: pd.DataFrame,
    hypervolume: pd.DataFrame,
    recommendation: dict[str, Any],
    inputs: dict[str, Any],
    *frames: pd.DataFrame | None,
) -> str:
    """The page; ``frames`` are the learning curves of every task, and then the pictures of every task."""
    declare_written(vocabulary["conditions"])
    half = len(frames) // 2
    tables = Tables(
        correlations=correlation_table,
        predictions=points,
        prediction_fits=fits,
        pareto=front,
        policy_warnings=warnings,
        hypervolume=hypervolume,
        learning_curves=gather_frames(*frames[:half]),
        pictures=pictures_of(gather_frames(*frames[half:])),
    )
    facts = {
        task: Facts(description=about.text, readings=about.readings.model_dump(mode="json"), listing=inputs.get(task))
        for task, about in descriptions.root.items()
    }
    return render_page(
        ReportInputs(
            measurements=on_split(measurements, "test"),
            selection=on_split(measurements, "selection"),
            tables=tables,
            recommendation=recommendation,
            facts=facts,
            commands=commands,
        )
    )
