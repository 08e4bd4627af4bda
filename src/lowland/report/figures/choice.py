"""Figures that show one recipe at a time: the first seed of each, and a list to choose from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from lowland.report.style import PAPER, Style, figure, legend, menu, transparent

# In the corner that these figures leave empty: beside the list of recipes there is no room for four names.
INSIDE = legend(
    orientation="v", traceorder="normal", x=1, xanchor="right", y=1, yanchor="top", bgcolor=transparent(PAPER, 0.8)
)


def first_seed(frame: pd.DataFrame, style: Style) -> list[tuple[str, str, pd.DataFrame]]:
    """Recipe, precision and rows of the first seed of each, in the order of the style."""
    groups = {key: rows for key, rows in frame.groupby(["recipe", "precision"], sort=False)}
    return [
        (recipe, precision, rows[rows.seed == rows.seed.iloc[0]])
        for recipe in style.recipes
        for precision in style.precisions
        if (rows := groups.get((recipe, precision))) is not None
    ]


def with_choice(
    traces: list[dict[str, Any]], owners: list[str], style: Style, *, recipe: str | None = None, **layout: Any
) -> go.Figure:
    """The figure with one recipe visible, by default the first, and a list to choose another."""
    recipes = [name for name in style.recipes if name in owners]
    first = recipe if recipe in recipes else recipes[0]
    for trace, owner in zip(traces, owners, strict=True):
        trace["visible"] = owner == first
    buttons = [
        {"label": f"recipe: {name}", "method": "restyle", "args": [{"visible": [owner == name for owner in owners]}]}
        for name in recipes
    ]
    return figure(
        traces, updatemenus=[menu(buttons, active=recipes.index(first))] if len(buttons) > 1 else [], **layout
    )


def short(values: Any) -> list[float | None]:
    """Numbers with four digits, enough to draw; ``None`` where there is none."""
    return [None if not np.isfinite(value) else float(f"{value:.4g}") for value in np.asarray(values, dtype=float)]
