"""Bit policies: how a search came to the worst one, and what each layer loses alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from lowland.report.figures.choice import first_seed, short, with_choice
from lowland.report.style import LABELS, RISING, Style, legend, share_axis, transparent

ROW, AROUND = 30, 128
"""Heights of a row of the heat map and of what stands around it, in pixels."""


def policy_search_figure(searches: pd.DataFrame, *, style: Style | None = None, recipe: str | None = None) -> go.Figure:
    """Loss to the worst policy so far (line) and to each policy tried (dots), by evaluation, recipe to choose.

    Args:
        searches: ``recipe, seed, precision``, ``evaluation``, ``drop``, ``best``, ``widths``; of each recipe the first
            seed is shown.
        style: Of the report; made from the table itself without it.
        recipe: The one shown first; by default the first in the table.
    """
    style = style or Style.of(searches)
    traces: list[dict[str, Any]] = []
    owners: list[str] = []
    for name, precision, rows in first_seed(searches, style):
        line, colour = rows.sort_values("evaluation"), style.colours[precision]
        shared = {"type": "scatter", "x": line.evaluation.tolist(), "legendgroup": precision}
        pointed = f"%{{y{'' if style.score.is_share else ':.3g'}}}<br>bits by layer: %{{customdata}}<extra></extra>"
        traces += [
            shared
            | {
                "mode": "markers",
                "y": short(line["drop"]),
                "customdata": line.widths.tolist(),
                "marker": {"color": transparent(colour, 0.45), "size": 4},
                "showlegend": False,
                "hovertemplate": f"<b>{precision}</b>, {name}, policy %{{x}}<br>loses {pointed}",
            },
            shared
            | {
                "mode": "lines",
                "y": short(line.best),
                "line": {"color": colour, "width": 2, "dash": style.dashes[precision], "shape": "hv"},
                "name": precision,
                "hoverinfo": "skip",
            },
        ]
        owners += [name] * 2
    low, high = float(searches["drop"].min()), float(searches["drop"].max())
    gap = 0.06 * (high - low) or 0.01
    lost: dict[str, Any] = {"title": "lost", "range": [low - gap, high + gap]}
    if style.score.is_share:
        lost = share_axis(low - gap, high + gap, title=f"{style.score.label} lost")
    return with_choice(
        traces,
        owners,
        style,
        recipe=recipe,
        height=420,
        x={"title": "policies tried", "rangemode": "tozero"},
        y=lost,
        legend=legend(x=0, y=-0.2, yanchor="top"),
        margin={"l": 56, "r": 16, "t": 54, "b": 52},
    )


def layer_drop_figure(
    drops: pd.DataFrame, *, style: Style, precisions: Sequence[str], recipe: str | None = None
) -> go.Figure:
    """What every layer loses alone at few bits, a row a precision, recipe to choose.

    Args:
        drops: ``recipe``, ``precision``, ``target`` (the layer) and ``mean`` over seeds; layers in the order of the
            network.
        style: Of the report.
        precisions: Rows, from the top.
        recipe: The one shown first.
    """
    layers = list(dict.fromkeys(drops.target))
    highest = float(np.nanmax(np.append(drops["mean"].to_numpy(float), 0.0))) or 1.0
    traces: list[dict[str, Any]] = []
    owners: list[str] = []
    for name in (known for known in style.recipes if known in set(drops.recipe)):
        own = drops[drops.recipe == name].pivot(index="precision", columns="target", values="mean")
        grid = own.reindex(index=list(precisions), columns=layers).to_numpy(float)
        traces.append(
            {
                "type": "heatmap",
                "x": list(range(len(layers))),
                "y": list(range(len(precisions))),
                "z": [short(row) for row in grid],
                "zmin": 0.0,
                "zmax": highest,
                "colorscale": RISING,
                "xgap": 2,
                "ygap": 2,
                "customdata": [[[precision, layer] for layer in layers] for precision in precisions],
                "text": [["" if value != value else style.score.bare_change(value) for value in row] for row in grid],
                "texttemplate": "%{text}",
                "hovertemplate": f"<b>%{{customdata[0]}}</b>, {name}<br>%{{customdata[1]}}: %{{text}}"
                f"{' points' if style.score.is_share else ''}<extra></extra>",
                "showscale": False,
            }
        )
        owners.append(name)
    names = {"tickvals": list(range(len(layers))), "ticktext": layers, "tickangle": 0 if len(layers) < 8 else -40}
    rows = {"tickvals": list(range(len(precisions))), "ticktext": list(precisions), "autorange": "reversed"}
    return with_choice(
        traces,
        owners,
        style,
        recipe=recipe,
        height=AROUND + ROW * len(precisions),
        x=LABELS | names,
        y=LABELS | rows,
        margin={"l": 56, "r": 16, "t": 54, "b": 52},
    )
