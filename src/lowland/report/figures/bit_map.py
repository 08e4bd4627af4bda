"""Which bits of which tensors do the damage: the exhaustive map of single flips."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from lowland.report.figures.choice import first_seed, with_choice
from lowland.report.style import LABELS, RISING, Style, axis

LOWEST_RISE = 1e-5  # the palest end of the colour scale: nats, or a part of the largest rise of another loss


def flip_map_figure(flip_map: pd.DataFrame, *, style: Style | None = None, recipe: str | None = None) -> go.Figure:
    """Loss added by one flipped bit, tensors by bit positions, one panel per precision, recipe to choose.

    The loss, because one flip of most bits changes the decision of hardly a row: their score is noise.

    Columns count from the most significant bit, at the left, where the tensors are aligned: their widths differ, and
    it is the uppermost bits (the sign first) whose flips go the longest way, whatever the width. A narrow tensor leaves
    the places at the right empty.

    Args:
        flip_map: ``recipe, seed, precision``, ``tensor``, ``kind``, ``bit`` (0: least significant), ``bits``,
            ``num_flips``, ``score`` (its name), ``mean_score_drop``, ``largest_score_drop``, ``mean_loss_rise``,
            ``largest_loss_rise``; of each recipe the first seed is shown.
        style: Of the report; made from the table itself without it.
        recipe: The one shown first; by default the first in the table.
    """
    style = style or Style.of(flip_map)
    score = style.score
    precisions = [p for p in style.precisions if p in set(flip_map.precision)]
    tensors = list(dict.fromkeys(flip_map.tensor))
    widths = {p: int(flip_map.loc[flip_map.precision == p, "bits"].max()) for p in precisions}
    worst = float(flip_map.mean_loss_rise.max())
    lowest = LOWEST_RISE
    if not score.is_share and worst > 0:
        lowest = 10 ** np.floor(np.log10(LOWEST_RISE * worst))
    worst = max(worst, 10 * lowest)
    unit, units = (100, "points ") if score.is_share else (1, f"{score.units} " if score.units else "")
    ends = (np.log10(lowest), np.ceil(2 * np.log10(worst)) / 2)
    traces, owners = [], []
    for name, precision, rows in first_seed(flip_map, style):
        shape = (len(tensors), widths[precision])
        colours: list[list[Any]] = [[None] * shape[1] for _ in range(shape[0])]
        hover: list[list[Any]] = [[None] * shape[1] for _ in range(shape[0])]
        for r in rows.itertuples():
            row, column = tensors.index(r.tensor), int(r.bits - 1 - r.bit)
            rise = r.mean_loss_rise
            colours[row][column] = round(float(np.log10(max(rise, lowest))), 2) if rise == rise else None
            hover[row][column] = [
                int(r.bit),
                int(r.num_flips),
                *_digits(rise, r.largest_loss_rise, unit * r.mean_score_drop, unit * r.largest_score_drop),
            ]
        place = precisions.index(precision) + 1
        traces.append(
            {
                "type": "heatmap",
                "x": list(range(1, shape[1] + 1)),
                "y": tensors,
                "z": colours,
                "customdata": hover,
                "xaxis": f"x{place}" if place > 1 else "x",
                "yaxis": f"y{place}" if place > 1 else "y",
                "coloraxis": "coloraxis",
                "xgap": 1.5,
                "ygap": 1.5,
                "hoverongaps": False,
                "hovertemplate": f"<b>%{{y}}</b>, {precision}, {name}<br>bit %{{customdata[0]}} (0: the least), "
                f"%{{customdata[1]}} of them<br>loss: %{{customdata[2]}}{score.loss_unit} added on average, "
                f"%{{customdata[3]}} at worst<br>{score.label}: %{{customdata[4]}} {units}lost on average, "
                "%{customdata[5]} at worst<extra></extra>",
            }
        )
        owners.append(name)
    return with_choice(
        traces,
        owners,
        style,
        recipe=recipe,
        height=124 + 27 * len(tensors),
        margin={"l": 8, "r": 16, "t": 58, "b": 52},
        **_layout(widths, ends, score.loss_title("loss added", "<br>")),
    )


def _layout(widths: dict[str, int], ends: tuple[float, float], title: str) -> dict[str, Any]:
    """Panels as wide as their words, one colour scale."""
    ticks = np.arange(np.ceil(ends[0]), np.floor(ends[1]) + 1)
    layout: dict[str, Any] = {
        "coloraxis": {
            "cmin": float(ends[0]),
            "cmax": float(ends[1]),
            "colorscale": RISING,
            "colorbar": {
                "title": {"text": title, "font": {"size": 12.5}},
                "tickvals": [float(t) for t in ticks],
                "ticktext": [f"{'≤ ' if t == ends[0] else ''}{_power(t)}" for t in ticks],
                "thickness": 12,
                "outlinewidth": 0,
            },
        }
    }
    gap = 0.03
    unit = (1 - gap * (len(widths) - 1)) / sum(widths.values())
    left = 0.0
    for position, (precision, width) in enumerate(widths.items()):
        number = f"{position + 1}" if position else ""
        right = left + unit * width
        layout[f"xaxis{number}"] = axis(
            LABELS
            | {
                "domain": [left, min(right, 1.0)],
                "anchor": f"y{number}",
                "title": f"{precision}: bit, from the most significant (1)",
                "range": [0.5, width + 0.5],
                "nticks": 2 + width // 2,
            }
        )
        layout[f"yaxis{number}"] = axis(
            LABELS | {"anchor": f"x{number}", "autorange": "reversed", "showticklabels": position == 0}
        )
        left = right + gap
    return layout


def _power(exponent: float) -> str:
    return f"{10.0**exponent:g}" if exponent > -3 else f"10<sup>{exponent:.0f}</sup>"


def _digits(*values: float) -> list[float | None]:
    """Two significant digits, and no more than six places: hover text, not data."""
    return [float(f"{round(value, 6):.2g}") if np.isfinite(value) else None for value in values]
