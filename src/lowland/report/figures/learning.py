"""How training went."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from lowland.report.style import Style, figure, legend, menu


def learning_figure(learning_curves: pd.DataFrame, *, style: Style) -> go.Figure:
    """Validation loss by epoch, one line per seed and precision, for a recipe to choose.

    Args:
        learning_curves: ``recipe``, ``seed``, ``precision``, ``epoch``, ``validation_loss``; other columns are ignored.
        style: Of the report.
    """
    traces: list[dict[str, Any]] = []
    recipes = [r for r in style.recipes if r in set(learning_curves.recipe)]
    owners = []
    for recipe in recipes:
        mine = learning_curves[learning_curves.recipe == recipe]
        for (precision, seed), line in mine.groupby(["precision", "seed"], sort=False):
            traces.append(
                dict(
                    type="scatter",
                    x=list(line.epoch),
                    y=list(line.validation_loss.round(5)),
                    mode="lines",
                    line={"color": style.colours.get(str(precision), "#000000"), "width": 1.5},
                    name=str(precision),
                    legendgroup=str(precision),
                    showlegend=seed == mine.seed.iloc[0],
                    text=f"<b>{precision}</b>, {recipe}, {seed}",
                    hovertemplate="%{text}<br>epoch %{x}: %{y:.4f}<extra></extra>",
                    visible=recipe == recipes[0],
                )
            )
            owners.append(recipe)
    buttons = [
        {"label": f"recipe: {r}", "method": "restyle", "args": [{"visible": [o == r for o in owners]}]} for r in recipes
    ]
    return figure(
        traces,
        height=360,
        x={"title": "epoch"},
        y={"title": style.score.loss_title("validation loss")},
        updatemenus=[menu(buttons)] if buttons else [],
        legend=legend(x=1, xanchor="right", y=1, yanchor="bottom"),
        margin={"l": 56, "r": 16, "t": 54, "b": 52},
    )
