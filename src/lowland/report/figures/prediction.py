"""Predicted against measured, and how far the prediction can be trusted."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from lowland.analysis.prediction import EVERY, WITHIN
from lowland.report.labels import predictor_label
from lowland.report.style import DIVERGING, FAINT, INK, LABELS, MUTED, TIMES, Style, figure, legend


def prediction_figure(points: pd.DataFrame, *, condition: str, style: Style) -> go.Figure:
    """Measured against predicted loss rise, one point per cell and level; on the line the prediction is right.

    Args:
        points: From ``prediction_points``, one task. Points without a positive prediction or rise have no place on
            logarithmic axes.
        condition: ``flips``, ``bit_error_rate`` or ``gaussian``.
        style: Of the report.
    """
    rows = points[
        (points.condition == condition) & (points.status == "ok") & (points.measured > 0) & (points.predicted > 0)
    ]
    predicted, measured = (style.score.loss_title(f"{what} loss rise") for what in ("predicted", "measured"))
    titles = f"{predicted}, nothing fitted", measured
    if not len(rows):
        return figure([], height=520, x={"title": titles[0]}, y={"title": titles[1]})
    traces: list[dict[str, Any]] = []
    ends = [
        float(min(rows.predicted.min(), rows.measured.min())) * 0.7,
        float(max(rows.predicted.max(), rows.measured.max())) * 1.4,
    ]
    traces.append(
        dict(
            type="scatter",
            x=ends,
            y=ends,
            mode="lines",
            line={"color": INK, "width": 1.2},
            hoverinfo="skip",
            showlegend=False,
        )
    )
    unit = {"flips": "flips", "bit_error_rate": "bit error rate", "gaussian": "per cent noise"}[condition]
    for precision in style.precisions:
        group = rows[rows.precision == precision]
        if not len(group):
            continue
        traces.append(
            dict(
                type="scatter",
                x=[float(f"{v:.4g}") for v in group.predicted],
                y=[float(f"{v:.4g}") for v in group.measured],
                mode="markers",
                name=precision,
                showlegend=True,
                marker={
                    "symbol": [style.markers[r] for r in group.recipe],
                    "size": 6.5,
                    "opacity": 0.65,
                    "color": style.colours[precision],
                    "line": {"width": 1, "color": style.colours[precision]},
                },
                text=[
                    f"<b>{r.recipe}, {r.precision}</b>, {r.seed}<br>{r.level:g} {unit}<br>"
                    f"predicted {r.predicted:.3g}, measured {r.measured:.3g}"
                    for r in group.itertuples()
                ],
                hoverinfo="text",
            )
        )
    decades = [10.0**e for e in range(math.floor(math.log10(ends[0])), math.ceil(math.log10(ends[1])) + 1)]
    ticks = {
        "type": "log",
        "range": [math.log10(end) for end in ends],
        "tickvals": decades,
        "ticktext": [f"{v:g}" if v >= 1e-3 else f"10<sup>{round(math.log10(v))}</sup>" for v in decades],
    }
    at = math.log10(ends[1] / 1.25)
    label = {"x": at, "y": at, "text": "measured = predicted", "xanchor": "right", "xshift": -8, "yanchor": "middle"}
    return figure(
        traces,
        height=520,
        x=ticks | {"title": titles[0], "showgrid": True},
        y=ticks | {"title": titles[1]},
        annotations=[label | {"showarrow": False, "font": {"color": INK, "size": 12}}],
        legend=legend(x=0, y=1.01, yanchor="bottom"),
        margin={"l": 56, "r": 16, "t": 40, "b": 52},
    )


def ratio_heatmap(fits: pd.DataFrame, *, condition: str, style: Style) -> go.Figure:
    """Measured over predicted loss rise by precision and level: where the prediction holds (1) and where it fails.

    Args:
        fits: From ``prediction_fits``, one task.
        condition: ``flips``, ``bit_error_rate`` or ``gaussian``.
        style: Of the report.
    """
    rows = fits[(fits.condition == condition) & fits.matched & fits.level.notna() & fits.scope.isin(style.precisions)]
    precisions = [p for p in style.precisions if p in set(rows.scope)]
    levels = sorted(rows.level.unique())
    ratio = {(r.scope, r.level): r for r in rows.itertuples()}
    grid = [[ratio.get((p, level)) for level in levels] for p in precisions]
    traces: list[dict[str, Any]] = []
    traces.append(
        dict(
            type="heatmap",
            z=[
                [None if r is None or not r.median_ratio > 0 else round(math.log2(r.median_ratio), 3) for r in row]
                for row in grid
            ],
            x=[f"{level:g}" + (" %" if condition == "gaussian" else "") for level in levels],
            y=precisions,
            text=[
                ["" if r is None or r.median_ratio != r.median_ratio else f"{TIMES}{r.median_ratio:.2f}" for r in row]
                for row in grid
            ],
            texttemplate="%{text}",
            textfont={"size": 12},
            hovertext=[
                [
                    ""
                    if r is None
                    else f"<b>{r.scope} at {r.level:g}</b><br>median measured / predicted {r.median_ratio:.2f}<br>"
                    f"R² {r.r_squared:.2f}, Spearman {r.spearman:.2f} over {r.num_points} cells"
                    for r in row
                ]
                for row in grid
            ],
            hoverinfo="text",
            colorscale=DIVERGING,
            zmin=-2,
            zmax=2,
            xgap=2,
            ygap=2,
            showscale=False,
        )
    )
    title = {"flips": "bits flipped", "bit_error_rate": "bit error rate", "gaussian": "Gaussian noise"}[condition]
    return figure(
        traces,
        height=96 + 30 * len(precisions),
        x={"type": "category", "ticks": "", "showline": False, "title": title},
        y=LABELS | {"autorange": "reversed"},
        margin={"l": 8, "r": 16, "t": 8, "b": 48},
    )


def predictor_comparison(fits: pd.DataFrame, *, condition: str) -> go.Figure:
    """R² of the matched curvature beside the baselines, all levels: all precisions together and within precision.

    Args:
        fits: From ``prediction_fits``, one task.
        condition: ``flips``, ``bit_error_rate`` or ``gaussian``.
    """
    rows = fits[(fits.condition == condition) & fits.level.isna()]
    order = list(rows[rows.scope == EVERY].sort_values("r_squared", kind="stable").predictor)
    traces: list[dict[str, Any]] = []
    for scope, label, offset, colour, symbol in (
        (EVERY, "over all precisions", 0.13, INK, "circle"),
        (WITHIN, "within one precision", -0.13, MUTED, "circle-open"),
    ):
        part = rows[rows.scope == scope].set_index("predictor").reindex(order)
        shown = part[part.r_squared.notna()]
        traces.append(
            dict(
                type="scatter",
                x=list(shown.r_squared.round(4)),
                y=[order.index(p) + offset for p in shown.index],
                mode="markers",
                name=label,
                showlegend=True,
                marker={"symbol": symbol, "size": 10, "color": colour, "line": {"width": 1.8, "color": colour}},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "thickness": 1.2,
                    "width": 0,
                    "color": FAINT,
                    "array": list((shown.r_squared_high - shown.r_squared).clip(lower=0).fillna(0).round(4)),
                    "arrayminus": list((shown.r_squared - shown.r_squared_low).clip(lower=0).fillna(0).round(4)),
                },
                text=[
                    f"<b>{predictor_label(p)}</b>, {label}<br>"
                    f"R² {r.r_squared:.2f} [{r.r_squared_low:.2f}, {r.r_squared_high:.2f}]<br>"
                    f"slope {r.slope:.2f}, Spearman {r.spearman:.2f}<br>{r.num_points} points, {r.num_recipes} recipes"
                    for p, r in zip(shown.index, shown.itertuples(), strict=True)
                ],
                hoverinfo="text",
            )
        )
    return figure(
        traces,
        height=110 + 42 * len(order),
        x={"title": "share of the spread in log loss rise explained, R²", "range": [-0.02, 1.02], "showgrid": True},
        y=LABELS
        | {
            "tickvals": list(range(len(order))),
            "ticktext": [predictor_label(p) for p in order],
            "range": [-0.6, len(order) - 0.05],
        },
        legend=legend(x=0, y=1.0, yanchor="bottom"),
        margin={"l": 8, "r": 16, "t": 36, "b": 52},
    )
