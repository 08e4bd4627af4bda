"""The report's visual language: a precision always has the same colour, a recipe always the same marker."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from lowland.analysis.score import score_of
from lowland.report.score_text import ScoreText

INK, MUTED, FAINT, RULE, PAPER = "#1d2433", "#5b6474", "#9aa2b1", "#e4e7ec", "#ffffff"
ACCENT = "#b3261e"
# Typographic signs by name: some look like others in code.
MINUS, TIMES, DASH = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}", "\N{EN DASH}"
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif'
# One hue per method (blue against orange survives every common colour blindness), darker with more bits.
_RAMPS = {
    "float": ("#2a2e37", "#2a2e37", "#2a2e37"),
    "qat": ("#5bb8ec", "#1f7fc4", "#0b3c74"),
    "ptq": ("#f5ac3d", "#dd6b12", "#8c3000"),
    "dynamic": ("#63c6a4", "#149471", "#064d3b"),
    "weight_only": ("#e39ac0", "#c2508a", "#6b1745"),
    "imported": ("#6db8ad", "#16877a", "#06433c"),
}
# Where precisions differ in neither, but in how they find their scales: every further one has more of this.
_OTHER, _KEPT = "#7b3fa0", 0.6
_DASHES = {
    "float": "solid",
    "qat": "solid",
    "ptq": "5px,3px",
    "dynamic": "1px,3px",
    "weight_only": "8px,3px,1px,3px",
    "imported": "solid",
}
# Neighbours in a grid are often two strengths of one recipe: full and open twins of one shape stand together.
_MARKERS = (
    "circle",
    "square",
    "square-open",
    "triangle-up",
    "triangle-up-open",
    "diamond",
    "diamond-open",
    "cross",
    "cross-open",
    "star",
    "star-open",
    "pentagon",
    "pentagon-open",
    "hexagon",
    "hexagon-open",
    "triangle-down",
    "triangle-down-open",
    "hourglass",
    "hourglass-open",
    "bowtie",
    "bowtie-open",
    "x",
    "x-open",
    "hexagram",
    "hexagram-open",
    "star-square",
    "star-square-open",
    "star-diamond",
    "star-diamond-open",
    "triangle-left",
    "triangle-left-open",
    "octagon",
)
NO_RESULT = "No network gave a result here."
# An axis of names instead of numbers.
LABELS: dict[str, Any] = {"showgrid": False, "ticks": "", "showline": False, "tickfont": {"color": INK, "size": 12.5}}
DIVERGING = [
    [0.0, "#6a2c85"],
    [0.15, "#a884bd"],
    [0.3, "#d5c3df"],
    [0.5, "#f8f8f8"],
    [0.7, "#c3e0c8"],
    [0.85, "#7fbb8d"],
    [1.0, "#17683a"],
]
RISING = [[0.0, "#f3f4f6"], [0.25, "#f9e3b4"], [0.5, "#f5ac3d"], [0.75, "#d2541b"], [1.0, "#7a1410"]]
SEQUENTIAL = [[0.0, "#0b3c74"], [0.33, "#5bb8ec"], [0.66, "#f5d58a"], [1.0, "#b3261e"]]


@dataclass(frozen=True)
class Style:
    """Colours of precisions and markers of recipes, fixed by the long table.

    Attributes:
        precisions: Short names in order: float first, then by method and falling bits.
        colours: By precision.
        dashes: By precision.
        recipes: In order of appearance.
        markers: By recipe.
        score: What the task is judged by.
    """

    precisions: tuple[str, ...]
    colours: dict[str, str]
    dashes: dict[str, str]
    recipes: tuple[str, ...]
    markers: dict[str, str]
    score: ScoreText

    @classmethod
    def of(cls, measurements: pd.DataFrame) -> Style:
        """The style of every figure about this table of one task; students, without a precision, have none."""
        columns = ["precision", "method", "weight_bits", "activation_bits"]
        found = measurements.loc[measurements.precision != "", columns].drop_duplicates("precision")
        order = {method: i for i, method in enumerate(_RAMPS)}
        rows = sorted(
            found.itertuples(index=False),
            key=lambda r: (order[r.method], -r.weight_bits, -r.activation_bits, r.precision),
        )
        recipes = tuple(measurements.recipe.unique())
        alike = [(r.method, r.weight_bits) for r in rows]
        twins = [alike[:i].count(look) for i, look in enumerate(alike)]
        return cls(
            precisions=tuple(r.precision for r in rows),
            colours={
                r.precision: colour(r.method, r.weight_bits, twin=twin) for r, twin in zip(rows, twins, strict=True)
            },
            dashes={r.precision: _DASHES[r.method] for r in rows},
            recipes=recipes,
            markers={recipe: _MARKERS[i % len(_MARKERS)] for i, recipe in enumerate(recipes)},
            score=ScoreText.of(score_of(measurements)),
        )


def colour(method: str, weight_bits: int, *, twin: int = 0) -> str:
    """The colour of a method at a bit width, between its light (2 bits) and its dark (16 bits and more) end.

    Args:
        method: Key of the ramps.
        weight_bits: At least 2.
        twin: How many precisions of the same method and width come before this one.
    """
    light, middle, dark = _RAMPS[method]
    position = 2 * min(max((math.log2(max(weight_bits, 2)) - 1) / 2.4, 0.0), 1.0)
    found = _mixed(light, middle, position) if position <= 1 else _mixed(middle, dark, position - 1)
    return _mixed(_OTHER, found, _KEPT**twin)


def transparent(hex_colour: str, alpha: float) -> str:
    """The same colour, see-through."""
    return "rgba({},{},{},{})".format(*_channels(hex_colour), alpha)


def figure(
    traces: Sequence[Mapping[str, Any]],
    *,
    height: int,
    x: Mapping[str, Any] | None = None,
    y: Mapping[str, Any] | None = None,
    **layout: Any,
) -> go.Figure:
    """A figure in the house style: light, as wide as its place, thin rules, no frame, no tool bar clutter.

    Everything goes to Plotly at once; its piecewise updates cost ten times as much.

    Args:
        traces: As Plotly's JSON has them.
        height: In pixels.
        x: What the horizontal axis has of its own, with ``title`` as plain text.
        y: The same for the vertical axis.
        layout: Further parts of the layout.
    """
    house = {
        "template": "none",
        "height": height,
        "autosize": True,
        "margin": {"l": 56, "r": 16, "t": 16, "b": 52},
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "font": {"family": FONT, "size": 13, "color": INK},
        "hoverlabel": {
            "bgcolor": PAPER,
            "bordercolor": FAINT,
            "font": {"family": FONT, "size": 12.5, "color": INK},
            "align": "left",
        },
        "hovermode": "closest",
        "showlegend": "legend" in layout,
        "dragmode": False,
        "xaxis": axis({"showgrid": False, **(x or {})}),
        "yaxis": axis(y or {}),
    }
    return go.Figure(data=[dict(trace) for trace in traces], layout=house | layout)


def blank(words: str, *, height: int = 120) -> go.Figure:
    """A figure without data that says why there are none."""
    bare = {"visible": False, "range": [0, 1]}
    note = {"text": words, "x": 0.5, "y": 0.5, "showarrow": False, "font": {"color": MUTED, "size": 13}}
    return figure([], height=height, x=bare, y=bare, annotations=[note])


def share_axis(low: float, high: float, **own: Any) -> dict[str, Any]:
    """An axis of shares in per cent, with as many digits as its ticks need to differ."""
    return {"tickformat": ".0%" if high - low > 0.08 else ".1%", "range": [low, high], **own}


def score_axis(score: ScoreText, low: float, high: float, **own: Any) -> dict[str, Any]:
    """An axis of a score: in per cent for shares, in its own units else."""
    axis = share_axis(low, high, **own) if score.is_share else {"range": [low, high], **own}
    return {"title": score.title, **axis}


def legend(**place: Any) -> dict[str, Any]:
    """A legend, in a row if nothing else is said, without the clicks that hide traces (lists set what is visible)."""
    still = {"itemclick": False, "itemdoubleclick": False}
    return {"orientation": "h", "font": {"size": 12.5, "color": MUTED}, **still, **place}


def menu(buttons: Sequence[Mapping[str, object]], *, active: int = 0) -> dict[str, object]:
    """A drop-down list above the plot, at its left edge."""
    return {
        "buttons": list(buttons),
        "active": active,
        "type": "dropdown",
        "direction": "down",
        "showactive": True,
        "x": 0,
        "xanchor": "left",
        "y": 1,
        "yanchor": "bottom",
        "pad": {"b": 10, "t": 0, "l": 0, "r": 0},
        "bgcolor": PAPER,
        "bordercolor": FAINT,
        "borderwidth": 1,
        "font": {"family": FONT, "size": 12.5, "color": INK},
    }


def spread(positions: list[float], *, gap: float) -> list[float]:
    """Positions moved as little as needed so that labels at them stand at least ``gap`` apart."""
    order = sorted(range(len(positions)), key=positions.__getitem__)
    groups: list[tuple[float, list[int]]] = []
    for i in order:
        groups.append((positions[i], [i]))
        while len(groups) > 1:
            (lower, below), (upper, above) = groups[-2:]
            if upper - lower >= gap * (len(below) + len(above)) / 2:
                break
            centre = (lower * len(below) + upper * len(above)) / (len(below) + len(above))
            groups[-2:] = [(centre, below + above)]
    placed = list(positions)
    for centre, members in groups:
        for rank, i in enumerate(members):
            placed[i] = centre + gap * (rank - (len(members) - 1) / 2)
    return placed


def axis(own: Mapping[str, Any]) -> dict[str, Any]:
    """An axis in the house style with what it has of its own; ``title`` as plain text."""
    house = {
        "showgrid": True,
        "gridcolor": RULE,
        "gridwidth": 1,
        "zeroline": False,
        "linecolor": FAINT,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": FAINT,
        "tickfont": {"color": MUTED, "size": 12},
        "automargin": True,
        "fixedrange": True,
    }
    title = {"text": own.get("title", ""), "font": {"color": INK, "size": 13}, "standoff": 10}
    return {**house, **own, "title": title}


def _channels(hex_colour: str) -> tuple[int, int, int]:
    return int(hex_colour[1:3], 16), int(hex_colour[3:5], 16), int(hex_colour[5:7], 16)


def _mixed(start: str, end: str, share: float) -> str:
    """The colour so far on the way from start to end."""
    parts = zip(_channels(start), _channels(end), strict=True)
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in parts)
