"""The inputs that the worst policy hits hardest: as images, or their features as colours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from lowland.report.figures.choice import first_seed, with_choice
from lowland.report.style import DIVERGING, LABELS, MUTED, Style, axis

COLUMNS, MOST = 6, 12
"""Images side by side, and how many inputs are shown."""
SIDE, ROW, AROUND = 150, 20, 118
"""Heights of an image with its title, of an input as a row of colours, and of what stands around these, in pixels."""
TITLE = 1.3
"""Height of an image with its title, in its own."""


def is_images(inputs: pd.DataFrame) -> bool:
    """Whether inputs are images [channels, rows, columns] of one or three channels.

    Args:
        inputs: With a column ``shape``.
    """
    return all(len(shape) == 3 and shape[0] in (1, 3) for shape in inputs["shape"])


def answers_text(before: float, under: float) -> str:
    """A class without the policy and under it; empty where there are none.

    Args:
        before: Number of the class, -1 where there is none.
        under: The same under the policy.
    """
    return f"{before:.0f} \N{RIGHTWARDS ARROW} {under:.0f}" if before >= 0 else ""


def worst_inputs_figure(inputs: pd.DataFrame, *, style: Style | None = None, recipe: str | None = None) -> go.Figure:
    """The worst inputs of the first network of every recipe, worst first, recipe to choose.

    Images with the class without and under the policy; of other inputs all numbers, a row an input.

    Args:
        inputs: ``recipe, seed, precision``, ``row``, ``input`` (all numbers of it), ``shape``, ``answer`` and
            ``answer_under`` (-1 where there are no classes); of each recipe the first precision and seed are shown.
        style: Of the report; made from the table itself without it.
        recipe: The one shown first; by default the first in the table.
    """
    style = style or Style.of(inputs)
    first: dict[str, pd.DataFrame] = {}
    for name, _, rows in first_seed(inputs, style):
        first.setdefault(name, rows.head(MOST))
    drawn = _images(first) if is_images(inputs) else _features(first)
    owners, traces, layout = drawn
    return with_choice(traces, owners, style, recipe=recipe, **layout)


def _images(first: dict[str, pd.DataFrame]) -> tuple[list[str], list[dict[str, Any]], dict[str, Any]]:
    """Owners, traces and layout of a grid of images."""
    most = max(map(len, first.values()))
    columns = min(COLUMNS, most)
    lines = -(-most // columns)
    owners: list[str] = []
    traces: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"height": SIDE * lines + 70, "margin": {"l": 8, "r": 8, "t": 54, "b": 8}}
    for name, rows in first.items():
        for number, row in enumerate(rows.itertuples()):
            line, column = divmod(number, columns)
            place = "" if number == 0 else str(number + 1)
            pixels = _pixels(row)
            height, width = len(pixels), len(pixels[0])
            hidden = {"visible": False, "constrain": "domain"}
            across = [(column + 0.04) / columns, (column + 0.96) / columns]
            down = [1 - (line + 0.98) / lines, 1 - (line + 0.02) / lines]
            layout[f"xaxis{place}"] = axis(
                {**hidden, "domain": across, "anchor": f"y{place}", "range": [-0.5, width - 0.5]}
            )
            layout[f"yaxis{place}"] = axis(
                {
                    **hidden,
                    "domain": down,
                    "anchor": f"x{place}",
                    "scaleanchor": f"x{place}",
                    "range": [TITLE * height, -0.5],
                }
            )
            axes = {"xaxis": f"x{place}", "yaxis": f"y{place}", "hoverinfo": "skip"}
            words = answers_text(row.answer, row.answer_under) or f"row {row.row:.0f}"
            title = {"x": [width / 2 - 0.5], "y": [(TITLE + 1) / 2 * height], "text": [words]}
            traces.append({"type": "image", "z": pixels, **axes})
            traces.append(
                {
                    "type": "scatter",
                    "mode": "text",
                    **title,
                    "textfont": {"size": 13, "color": MUTED},
                    "showlegend": False,
                    **axes,
                }
            )
            owners += [name] * 2
    return owners, traces, layout


def _features(first: dict[str, pd.DataFrame]) -> tuple[list[str], list[dict[str, Any]], dict[str, Any]]:
    """Owners, traces and layout of inputs as rows of colours."""
    grids = {name: np.stack([np.asarray(row, dtype=float) for row in rows.input]) for name, rows in first.items()}
    largest = {name: float(np.abs(grid).max()) or 1.0 for name, grid in grids.items()}
    traces = [
        {
            "type": "heatmap",
            "x": list(range(1, grid.shape[1] + 1)),
            "y": list(range(len(grid))),
            "z": [[float(f"{value:.3g}") for value in row] for row in grid],
            "customdata": [[int(row)] * grid.shape[1] for row in first[name].row],
            "zmin": -largest[name],
            "zmax": largest[name],
            "colorscale": DIVERGING,
            "xgap": 1,
            "ygap": 2,
            "colorbar": {"thickness": 12, "outlinewidth": 0},
            "hovertemplate": "test row %{customdata}, feature %{x}: %{z}<extra></extra>",
        }
        for name, grid in grids.items()
    ]
    most = max(map(len, grids.values()))
    hidden = LABELS | {"showticklabels": False, "autorange": "reversed"}
    layout = {
        "height": AROUND + ROW * most,
        "x": LABELS | {"title": "feature, as the network is given it"},
        "y": hidden | {"title": "inputs, worst first"},
        "margin": {"l": 40, "r": 16, "t": 54, "b": 52},
    }
    return list(grids), traces, layout


def _pixels(row: Any) -> list[list[list[int]]]:
    """An input as red, green and blue [rows, columns, 3] from 0 to 255, its own extremes as black and white."""
    channels, height, width = (int(size) for size in row.shape)
    values: NDArray[np.float64] = np.asarray(row.input, dtype=float).reshape(channels, height, width)
    low, high = float(values.min()), float(values.max())
    grey = np.round(255 * (values - low) / (high - low)) if high > low else np.zeros_like(values)
    colours: list[list[list[int]]] = np.repeat(grey, 3 // channels, 0).transpose(1, 2, 0).astype(int).tolist()
    return colours
