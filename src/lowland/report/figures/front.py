"""Size, score and robustness of every configuration, the Pareto front picked out."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from lowland.report.style import ACCENT, MUTED, NO_RESULT, Style, blank, figure, legend, menu, transparent

_WORDS = {
    "front": "on the front",
    "near": "near the front: beaten only by differences the seeds do not vouch for",
    "dominated": "dominated",
    "incomplete": "incomplete: a seed gave no number, so it is compared with nothing that is complete",
}
# Doublings of the size by which methods of equal bits are set apart.
_SIDE = {"qat": -0.12, "ptq": 0.12}


def pareto_figure(
    pareto: pd.DataFrame, *, style: Style, chosen: tuple[str, str] | None = None, robustness: str | None = None
) -> go.Figure:
    """The score under a disturbance against size, for a disturbance to choose.

    Full markers with error bars (95 % t-interval over seeds) are on the front in (size, clean score, this
    robustness); faint ones are dominated. Markers of one bit width are set side by side; their sizes differ by a few
    bits only.

    Args:
        pareto: From ``pareto``, one task.
        style: Of the report.
        chosen: (recipe, precision) of the recommended configuration, ringed.
        robustness: The criterion shown first; by default the first in the table.
    """
    if pareto.empty or pareto.standing.eq("undefined").all():
        return blank(NO_RESULT, height=540)
    names = list(dict.fromkeys(pareto.robustness))
    first = robustness if robustness in names else names[0]
    traces: list[dict[str, Any]] = []
    owners: list[str] = []
    for name in names:
        rows = pareto[(pareto.robustness == name) & (pareto.standing != "undefined")]
        clusters = dict(iter(rows.groupby("precision", sort=False)))
        for precision in (p for p in style.precisions if p in clusters):
            for standing, group in clusters[precision].groupby("standing", sort=False):
                traces.append(_markers(group, str(standing), precision, style, visible=name == first))
                owners.append(name)
        ringed = rows[[cell == chosen for cell in zip(rows.recipe, rows.precision, strict=True)]]
        if len(ringed):
            traces.append(
                dict(
                    type="scatter",
                    x=_places(ringed, style),
                    y=[style.score.drawn(value) for value in ringed.robust],
                    mode="markers",
                    marker={"symbol": "circle-open", "size": 22, "color": ACCENT, "line": {"width": 2}},
                    hoverinfo="skip",
                    showlegend=False,
                    visible=name == first,
                )
            )
            owners.append(name)
    for recipe in style.recipes:
        traces.append(
            dict(
                type="scatter",
                x=[None],
                y=[None],
                mode="markers",
                name=recipe,
                marker={
                    "symbol": style.markers[recipe],
                    "size": 9,
                    "color": MUTED,
                    "line": {"width": 1.5, "color": MUTED},
                },
                showlegend=True,
            )
        )
    labels = dict(zip(pareto.robustness, pareto.label, strict=True))
    count = len(style.recipes)
    buttons = [
        {
            "label": labels[name],
            "method": "update",
            "args": [
                {"visible": [owner == name for owner in owners] + [True] * count},
                {"annotations": _labels(pareto[pareto.robustness == name], style, chosen)},
            ],
        }
        for name in names
    ]
    sizes = sorted(pareto["size"].dropna())
    ticks = _ticks(sizes)
    return figure(
        traces,
        height=540,
        x={
            "title": "size, in bits",
            "type": "log",
            "tickvals": ticks,
            "ticktext": [f"{v:,.0f}" for v in ticks],
        },
        y={"tickformat": ".0%"} if style.score.is_share else {"title": style.score.title},
        updatemenus=[menu(buttons, active=names.index(first))],
        annotations=_labels(pareto[pareto.robustness == first], style, chosen),
        margin={"l": 56, "r": 16, "t": 54, "b": 52},
        legend=legend(x=0, y=-0.16, yanchor="top"),
    )


def _markers(group: pd.DataFrame, standing: str, precision: str, style: Style, *, visible: bool) -> dict[str, Any]:
    score = style.score
    strength = {"front": 1.0, "near": 0.55, "incomplete": 0.35}.get(standing, 0.2)
    colour = transparent(style.colours[precision], strength)
    hover = [
        f"<b>{row.recipe}, {row.precision}</b><br>"
        f"{row.label} {score.pointed(row.robust)}{score.interval(row.robust_low, row.robust_high)}<br>"
        f"clean {score.label} {score.pointed(row.score)}{score.interval(row.score_low, row.score_high)}<br>"
        f"size {row.size:,.0f} bits<br>{_WORDS[standing]}"
        + (f"<br>beaten by {row.dominated_by}" if row.dominated_by else "")
        for row in group.itertuples()
    ]
    error = None
    if standing == "front":
        error = {
            "type": "data",
            "symmetric": False,
            "array": [score.drawn(half) for half in (group.robust_high - group.robust).fillna(0)],
            "arrayminus": [score.drawn(half) for half in (group.robust - group.robust_low).fillna(0)],
            "thickness": 1,
            "width": 0,
            "color": transparent(style.colours[precision], 0.6),
        }
    return dict(
        type="scatter",
        x=_places(group, style),
        y=[score.drawn(value) for value in group.robust],
        mode="markers",
        marker={
            "symbol": [style.markers[r] for r in group.recipe],
            "size": 11 if standing == "front" else 8.5,
            "color": colour,
            "line": {"width": 1.6, "color": colour},
        },
        error_y=error,
        text=hover,
        hoverinfo="text",
        visible=visible,
        showlegend=False,
    )


def _places(rows: pd.DataFrame, style: Style) -> list[float]:
    return [_beside(*cell, style) for cell in zip(rows.recipe, rows.method, rows["size"], strict=True)]


def _beside(recipe: str, method: str, size: float, style: Style) -> float:
    """The size, moved sideways by recipe and method so that equal sizes do not hide each other."""
    share = style.recipes.index(recipe) / max(len(style.recipes) - 1, 1) - 0.5
    return round(size * 2 ** (0.17 * share + _SIDE.get(method, 0.0)), 1)


def _labels(rows: pd.DataFrame, style: Style, chosen: tuple[str, str] | None) -> list[dict[str, object]]:
    """The name of each precision below its cluster, and the recommended configuration by its ring."""
    labels: list[dict[str, object]] = []
    for precision in style.precisions:
        cluster = rows[(rows.precision == precision) & rows.robust.notna()]
        if not len(cluster):
            continue
        labels.append(
            {
                "x": math.log10(float(cluster["size"].median()) * 2 ** _SIDE.get(cluster.method.iloc[0], 0.0)),
                "y": float(cluster.robust.min()),
                "yshift": -16,
                "text": f"<b>{precision}</b>",
                "showarrow": False,
                "font": {"color": style.colours[precision], "size": 12.5},
            }
        )
    ringed = rows[[cell == chosen for cell in zip(rows.recipe, rows.precision, strict=True)]]
    for x, y in zip(_places(ringed, style), ringed.robust, strict=True):
        labels.append(
            {
                "x": math.log10(x),
                "y": float(y),
                "text": "recommended",
                "showarrow": True,
                "arrowhead": 0,
                "arrowwidth": 1.2,
                "arrowcolor": ACCENT,
                "standoff": 12,
                "ax": -58,
                "ay": -62,
                "font": {"color": ACCENT, "size": 13},
                "bgcolor": "rgba(255,255,255,0.85)",
            }
        )
    return labels


def _ticks(sizes: list[float]) -> list[float]:
    if not sizes:
        return []
    candidates = [m * 10.0**e for e in range(1, 10) for m in (1, 2, 5)]
    return [v for v in candidates if sizes[0] * 0.8 <= v <= sizes[-1] * 1.25]
