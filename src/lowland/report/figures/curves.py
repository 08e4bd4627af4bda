"""What becomes of the score as a disturbance grows, one line per precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from lowland.analysis.conditions import codes_targets, harder_is_lower, is_logarithmic
from lowland.analysis.criteria import CONFIGURATION
from lowland.analysis.over_seeds import over_seeds
from lowland.report.score_text import ScoreText
from lowland.report.style import NO_RESULT, Style, blank, figure, menu, score_axis, spread, transparent
from lowland.vocabulary.conditions import condition_named
from lowland.vocabulary.labels import condition_label, level_title
from lowland.vocabulary.targets import codes_target

LONG_SPAN = 20  # of levels, from which on they are drawn by their logarithm
LETTER = 7.6  # pixels of a letter of the lines' labels, which are bold


@dataclass(frozen=True)
class _Axis:
    title: str
    levels: list[float]
    positions: list[float]
    labels: list[str]


def score_curves(
    measurements: pd.DataFrame, *, condition: str, target: str = "", style: Style, recipe: str | None = None
) -> go.Figure:
    """The score against the strength of one disturbance, per precision, for a recipe to choose.

    Lines are means over the seeds, whiskers their 95 % t-intervals; the leftmost point is the undisturbed test set.
    Float networks appear under bit flips with the bits of their float32 words; where they collapse, their line leaves
    the frame and its label says how deep it falls.

    Args:
        measurements: The long table of one task.
        condition: A condition with levels; those of an ADC fall from left to right.
        target: What it hits.
        style: Of the report.
        recipe: The one shown first; by default the first in the table.
    """
    here = measurements[
        (measurements.condition == condition) & (codes_targets(measurements.target) == codes_target(target))
    ]
    levels = sorted(float(level) for level in here.level.dropna().unique())
    if is_logarithmic(condition) or (levels and levels[-1] > LONG_SPAN * levels[0]):
        logs = [float(np.log10(level)) for level in levels]
        step = float(np.median(np.diff(logs))) if len(logs) > 1 else 1.0
        positions = [logs[0] - max(step, 0.5), *logs] if logs else [0.0]
    elif harder_is_lower(condition):
        levels = levels[::-1]
        positions = [0.0, *(1 + levels[0] - level for level in levels)]
    else:
        positions = [0.0, *levels]
    known = condition_named(condition)
    labels = ["none", *(_rate(v) if known.unit.by_power else f"{v:g}" for v in levels)]
    axis = _Axis(level_title(condition, target), levels, positions, labels)
    columns = [("performance", "", None), *((known.family, condition, level) for level in levels)]
    clean = measurements[measurements.family == "performance"]
    return _curves(pd.concat([clean, here]), columns, axis, style, recipe)


def shift_curves(measurements: pd.DataFrame, *, style: Style, recipe: str | None = None) -> go.Figure:
    """The score on the shifted sets beside the test set, per precision; arguments as in ``score_curves``."""
    measure = style.score.name
    rows = measurements[
        (measurements.family == "shift") & (measurements.measure == measure) & measurements.level.isna()
    ]
    sets = list(dict.fromkeys(rows.condition))
    axis = _Axis(
        "data set",
        [0.0] * len(sets),
        [float(i) for i in range(len(sets) + 1)],
        ["test", *(condition_label(name).replace(" ", "<br>") for name in sets)],
    )
    columns = [("performance", "", None), *(("shift", name, None) for name in sets)]
    return _curves(measurements, columns, axis, style, recipe)


def _curves(
    measurements: pd.DataFrame,
    columns: Sequence[tuple[str, str, float | None]],
    axis: _Axis,
    style: Style,
    recipe: str | None,
) -> go.Figure:
    score = style.score
    scores = measurements[(measurements.measure == score.name) & (measurements.split != "validation")]
    parts = []
    for (family, condition, level), position, label in zip(columns, axis.positions, axis.labels, strict=True):
        here = scores[(scores.family == family) & (scores.condition == condition)]
        at = here if level is None else here[np.isclose(here.level, level, rtol=1e-9, atol=0)]
        parts.append(at.assign(position=position, label=label))
    table = over_seeds(pd.concat(parts), by=[*CONFIGURATION, "position", "label"], ends=score.ends)
    if not table["mean"].notna().any():
        return blank(NO_RESULT, height=430)
    first = recipe if recipe in style.recipes else style.recipes[0]
    traces: list[dict[str, Any]] = []
    width = (axis.positions[-1] - axis.positions[0]) or 1.0
    framed = _framed(table, score)
    low, high = float(np.nanmin(framed)), float(np.nanmax(framed))
    gap = 0.052 * (high - low or 1.0)
    lowest, highest = low - gap, high + gap
    # Side by side by a hair, so that the whiskers of close lines can be told apart.
    count = len(style.precisions)
    sideways = {p: 0.006 * (i - (count - 1) / 2) for i, p in enumerate(style.precisions)}
    owners: list[str] = []
    longest = 0  # of the lines' labels, in letters
    lines: dict[tuple[str, str], list[Any]] = {}
    known = table[table["mean"].notna()].sort_values("position").rename(columns={"mean": "score"})
    for point in known.itertuples():
        lines.setdefault((point.recipe, point.precision), []).append(point)
    for name in style.recipes:
        ends = []
        for precision in style.precisions:
            shown = lines.get((name, precision), [])
            if len(shown) < 2:
                continue
            colour = style.colours[precision]
            traces.append(
                dict(
                    type="scatter",
                    x=[float(f"{p + sideways[precision] * width:.4g}") for p in (point.position for point in shown)],
                    y=[score.drawn(point.score) for point in shown],
                    error_y={
                        "type": "data",
                        "symmetric": False,
                        "array": [score.drawn(p.high - p.score) if p.high == p.high else 0.0 for p in shown],
                        "arrayminus": [score.drawn(p.score - p.low) if p.low == p.low else 0.0 for p in shown],
                        "thickness": 1,
                        "width": 0,
                        "color": transparent(colour, 0.4),
                    },
                    mode="lines+markers",
                    line={"color": colour, "width": 2, "dash": style.dashes[precision]},
                    marker={
                        "symbol": style.markers[name],
                        "size": 7,
                        "color": colour,
                        "line": {"width": 1.5, "color": colour},
                    },
                    text=[point.label for point in shown],
                    customdata=[score.interval(p.low, p.high) for p in shown],
                    hovertemplate=f"<b>{precision}</b>, {name}<br>disturbance: %{{text}}<br>"
                    f"{score.label} %{{y:{score.digits}}}%{{customdata}}<extra></extra>",
                    visible=name == first,
                )
            )
            owners.append(name)
            ends.append((precision, float(shown[-1].score), colour))
        heights = spread([min(max(end, low), high) for _, end, _ in ends], gap=gap)
        lowest = min([lowest, *(height - gap / 2 for height in heights)])
        highest = max([highest, *(height + gap / 2 for height in heights)])
        outside = [_outside(end, lowest, highest, score) for _, end, _ in ends]
        longest = max([longest, *(len(p) + len(where) for (p, *_), where in zip(ends, outside, strict=True))])
        traces.append(
            dict(
                type="scatter",
                x=[axis.positions[-1] + 0.03 * width] * len(ends),
                y=heights,
                mode="text",
                text=[f"<b>{p}</b>{where}" for (p, *_), where in zip(ends, outside, strict=True)],
                textposition="middle right",
                textfont={"color": [colour for *_, colour in ends], "size": 12},
                hoverinfo="skip",
                cliponaxis=False,
                visible=name == first,
            )
        )
        owners.append(name)
    buttons = [
        {"label": f"recipe: {name}", "method": "restyle", "args": [{"visible": [owner == name for owner in owners]}]}
        for name in style.recipes
    ]
    return figure(
        traces,
        height=430,
        x={
            "title": axis.title,
            "tickvals": axis.positions,
            "ticktext": axis.labels,
            "range": [axis.positions[0] - 0.03 * width, axis.positions[-1] + 0.04 * width],
        },
        y=score_axis(score, lowest, highest),
        updatemenus=[menu(buttons, active=style.recipes.index(first))],
        margin={"l": 56, "r": round(26 + LETTER * longest), "t": 54, "b": 52},
    )


def _framed(table: pd.DataFrame, score: ScoreText) -> pd.Series:
    """The means that the frame must hold: a float network that collapses may leave it (its label says where to)."""
    merit = score.sign * table["mean"]
    codes, floats = merit[table.method != "float"], merit[table.method == "float"]
    collapsed = len(codes) and floats.min() < codes.min() - 0.5 * (codes.max() - codes.min())
    return table.loc[codes.index if collapsed else table.index, "mean"]


def _outside(end: float, lowest: float, highest: float, score: ScoreText) -> str:
    """Where a line ends that has left the frame."""
    where = f"{end:.0%}" if score.is_share else score.bare(end)
    return f" ↓{where}" if end < lowest else f" ↑{where}" if end > highest else ""


def _rate(rate: float) -> str:
    exponent = int(np.floor(np.log10(rate) + 1e-9))
    mantissa = rate / 10**exponent
    return f"10<sup>{exponent}</sup>" if abs(mantissa - 1) < 1e-6 else f"{mantissa:g}·10<sup>{exponent}</sup>"
