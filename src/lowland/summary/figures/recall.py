"""Which ranking finds the harmful bits."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from lowland.summary.findings import ranking_label, ranking_verdict
from lowland.summary.style import INK, LABELS, PAPER, Style, axis, figure, legend


def recall_figure(measurements: pd.DataFrame, *, style: Style, measure: str = "ranking_recall") -> go.Figure:
    """Share of the worst flips that each ranking finds, one panel per k, the best ranking first.

    Black marks are means over all cells with 95 % t-intervals over the recipes, coloured dots the means of single
    precisions.

    Args:
        measurements: The long table of one task.
        style: Of the report.
        measure: ``ranking_recall`` (the loss says which flips are worst) or ``ranking_recall_score`` (accuracy).
    """
    verdicts = ranking_verdict(measurements, measure=measure)
    rows = measurements[(measurements.measure == measure) & (measurements.status == "ok")]
    overall = rows.groupby("condition")["value"].mean().sort_values(ascending=False, kind="stable")
    rankings = list(overall.index)
    each = rows.groupby(["precision", "condition", "level"])["value"].mean()
    precisions = [p for p in style.precisions if p in set(rows.precision)]
    heights = {name: -float(i) for i, name in enumerate(rankings)}
    traces: list[dict[str, Any]] = []
    layout: dict[str, Any] = {}
    gap = 0.04
    width = (1 - gap * (len(verdicts) - 1)) / max(len(verdicts), 1)
    for position, verdict in enumerate(verdicts):
        number = f"{position + 1}" if position else ""
        place = {"type": "scatter", "mode": "markers", "xaxis": f"x{number}", "yaxis": f"y{number}"}
        for precision in precisions:
            known = [name for name in rankings if (precision, name, verdict["k"]) in each.index]
            colour = style.colours[precision]
            traces.append(
                place
                | {
                    "x": [round(float(each[precision, name, verdict["k"]]), 3) for name in known],
                    "y": [heights[name] for name in known],
                    "name": precision,
                    "showlegend": position == 0,
                    "marker": {"size": 7, "color": PAPER, "line": {"color": colour, "width": 2}},
                    "hovertemplate": f"<b>{precision}</b>: %{{x:.0%}}<extra></extra>",
                }
            )
        shown = verdict["rankings"]
        low, high = ([e["mean"] if e[end] is None else e[end] for e in shown] for end in ("low", "high"))
        traces.append(
            place
            | {
                "x": [round(e["mean"], 3) for e in shown],
                "y": [heights[e["ranking"]] for e in shown],
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": [round(h - e["mean"], 3) for h, e in zip(high, shown, strict=True)],
                    "arrayminus": [round(e["mean"] - lo, 3) for lo, e in zip(low, shown, strict=True)],
                    "thickness": 1.5,
                    "width": 0,
                    "color": INK,
                },
                "text": [e["label"] for e in shown],
                "name": "all",
                "showlegend": position == 0,
                "marker": {"size": 8, "color": INK},
                "hovertemplate": "<b>%{text}</b>: %{x:.0%} on average<extra></extra>",
            }
        )
        left = position * (width + gap)
        layout[f"xaxis{number}"] = axis(
            {
                "domain": [left, left + width],
                "anchor": f"y{number}",
                "title": f"of the {verdict['k']:g} worst flips",
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
                "ticktext": [ranking_label(name) for name in rankings] if position == 0 else [""] * len(rankings),
                "range": [-len(rankings) + 0.4, 0.6],
            }
        )
    return figure(
        traces,
        height=140 + 30 * len(rankings),
        legend=legend(x=0, xanchor="left", y=1.02, yanchor="bottom"),
        margin={"l": 8, "r": 16, "t": 44, "b": 52},
        **layout,
    )
