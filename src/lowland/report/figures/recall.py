"""Which ranking finds the harmful bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from lowland.analysis.rankings import CEILING, ranking_verdicts
from lowland.report.labels import ranking_label
from lowland.report.style import INK, LABELS, MUTED, PAPER, Style, axis, figure, legend, menu

MEASURED = ("ranking_recall", "ranking_recall_score")


def recall_figure(measurements: pd.DataFrame, *, style: Style) -> go.Figure:
    """Share of the worst flips that each ranking finds, one panel per k, the best ranking first.

    Black marks are means over all cells with 95 % t-intervals over the recipes, coloured dots the means of single
    precisions; a diamond and a dotted line show the map itself on other rows, above which noise lets nobody come.
    Whether the loss or the score says which flips are worst can be chosen where both were measured; rankings stand
    in the order of the first.

    Args:
        measurements: The long table of one task.
        style: Of the report.
    """
    rows = measurements[measurements.measure.isin(MEASURED) & (measurements.status == "ok")]
    measures = [measure for measure in MEASURED if (rows.measure == measure).any()]
    first = rows[(rows.measure == measures[0]) & (rows.condition != CEILING)]
    rankings = list(first.groupby("condition")["value"].mean().sort_values(ascending=False, kind="stable").index)
    heights = {name: -float(i) for i, name in enumerate(rankings)}
    if (rows.condition == CEILING).any():
        heights[CEILING] = 1.0
    counts = [verdict["k"] for verdict in ranking_verdicts(rows, measure=measures[0])]
    traces: list[dict[str, Any]] = []
    owners: list[str] = []
    for measure in measures:
        each = rows[rows.measure == measure].groupby(["precision", "condition", "level"])["value"].mean()
        for verdict in ranking_verdicts(rows, measure=measure):
            if verdict["k"] in counts:
                panel = _panel(verdict, counts.index(verdict["k"]), each, heights, style)
                traces += [trace | {"visible": measure == measures[0]} for trace in panel]
                owners += [measure] * len(panel)
    judges = dict(zip(MEASURED, ("worst: by the loss", f"worst: by the {style.score.label}"), strict=True))
    buttons = [
        {"label": judges[name], "method": "restyle", "args": [{"visible": [owner == name for owner in owners]}]}
        for name in measures
    ]
    return figure(
        traces,
        height=160 + 30 * len(heights),
        updatemenus=[menu(buttons)] if len(buttons) > 1 else [],
        legend=legend(x=1, xanchor="right", y=1.02, yanchor="bottom"),
        margin={"l": 8, "r": 16, "t": 58, "b": 52},
        **_layout(counts, heights),
    )


def _panel(
    verdict: Mapping[str, Any], position: int, each: pd.Series, heights: Mapping[str, float], style: Style
) -> list[dict[str, Any]]:
    """One k: single precisions, means over the recipes, the ceiling."""
    number = f"{position + 1}" if position else ""
    place = {"type": "scatter", "mode": "markers", "xaxis": f"x{number}", "yaxis": f"y{number}"}
    traces: list[dict[str, Any]] = []
    if ceiling := verdict["ceiling"]:
        x = round(ceiling["mean"], 3)
        traces.append(
            place
            | {
                "mode": "lines",
                "x": [x, x],
                "y": [heights[CEILING], min(heights.values()) - 0.4],
                "line": {"color": MUTED, "width": 1.2, "dash": "dot"},
                "showlegend": False,
                "hoverinfo": "skip",
            }
        )
    for precision in style.precisions:
        known = [name for name in heights if (precision, name, verdict["k"]) in each.index]
        if known:
            traces.append(
                place
                | {
                    "x": [round(float(each[precision, name, verdict["k"]]), 3) for name in known],
                    "y": [heights[name] for name in known],
                    "name": precision,
                    "showlegend": position == 0,
                    "marker": {"size": 7, "color": PAPER, "line": {"color": style.colours[precision], "width": 2}},
                    "hovertemplate": f"<b>{precision}</b>: %{{x:.0%}}<extra></extra>",
                }
            )
    ranked = [entry for entry in verdict["rankings"] if entry["ranking"] in heights]
    traces.append(place | _means(ranked, heights) | {"name": "all", "showlegend": position == 0})
    if ceiling:
        mark = _means([ceiling], heights) | {"name": ranking_label(CEILING), "showlegend": False}
        traces.append(place | mark | {"marker": {"size": 10, "color": INK, "symbol": "diamond"}})
    return traces


def _means(entries: list[dict[str, Any]], heights: Mapping[str, float]) -> dict[str, Any]:
    """Black marks with intervals over the recipes."""
    low, high = ([e["mean"] if e[end] is None else e[end] for e in entries] for end in ("low", "high"))
    return {
        "x": [round(e["mean"], 3) for e in entries],
        "y": [heights[e["ranking"]] for e in entries],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [round(h - e["mean"], 3) for h, e in zip(high, entries, strict=True)],
            "arrayminus": [round(e["mean"] - lo, 3) for lo, e in zip(low, entries, strict=True)],
            "thickness": 1.5,
            "width": 0,
            "color": INK,
        },
        "text": [ranking_label(e["ranking"]) for e in entries],
        "marker": {"size": 8, "color": INK},
        "hovertemplate": "<b>%{text}</b>: %{x:.0%} on average<extra></extra>",
    }


def _layout(counts: list[float], heights: Mapping[str, float]) -> dict[str, Any]:
    """Panels side by side, rankings named once."""
    layout: dict[str, Any] = {}
    gap = 0.04
    width = (1 - gap * (len(counts) - 1)) / max(len(counts), 1)
    for position, count in enumerate(counts):
        number = f"{position + 1}" if position else ""
        left = position * (width + gap)
        layout[f"xaxis{number}"] = axis(
            {
                "domain": [left, left + width],
                "anchor": f"y{number}",
                "title": f"of the {count:g} worst flips",
                "range": [-0.03, 1.03],
                "tickformat": ".0%",
                "nticks": 4,
            }
        )
        layout[f"yaxis{number}"] = axis(
            LABELS
            | {
                "anchor": f"x{number}",
                "tickvals": list(heights.values()),
                "ticktext": [ranking_label(name) if position == 0 else "" for name in heights],
                "range": [min(heights.values()) - 0.6, max(heights.values()) + 0.6],
            }
        )
    return layout
