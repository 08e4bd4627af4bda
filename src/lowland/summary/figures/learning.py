"""How training went."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from lowland.summary.style import Style, figure, menu


def learning_figure(learning_curves: pd.DataFrame, *, style: Style) -> go.Figure:
    """Validation loss by epoch, one line per seed and precision, for a recipe to choose.

    Args:
        learning_curves: ``recipe``, ``seed``, ``precision``, ``epoch``, ``validation_loss``; other columns are ignored.
        style: Of the report.
    """
    fig = figure(height=360, x_title="epoch", y_title="validation loss (nats)")
    recipes = [r for r in style.recipes if r in set(learning_curves.recipe)]
    owners = []
    for recipe in recipes:
        mine = learning_curves[learning_curves.recipe == recipe]
        for (precision, seed), line in mine.groupby(["precision", "seed"], sort=False):
            fig.add_scatter(
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
            owners.append(recipe)
    buttons = [
        {"label": f"recipe: {r}", "method": "restyle", "args": [{"visible": [o == r for o in owners]}]} for r in recipes
    ]
    fig.update_layout(
        updatemenus=[menu(buttons)] if buttons else [],
        margin={"t": 54},
        showlegend=True,
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom", "font": {"size": 12.5}},
    )
    return fig
