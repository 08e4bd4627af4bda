"""The inputs that the worst policy hits hardest, as images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from lowland.report.style import MUTED, Style, axis, blank, figure

COLUMNS, MOST = 6, 12
"""Images side by side, and how many are shown."""
SIDE = 150
"""Height of an image with its title, in pixels."""


def is_images(table: pd.DataFrame) -> bool:
    """Whether the inputs of a table are images [channels, rows, columns] of one or three channels.

    Args:
        table: With a column ``shape``.
    """
    return all(len(shape) == 3 and shape[0] in (1, 3) for shape in table["shape"])


def worst_inputs_figure(inputs: pd.DataFrame, *, style: Style | None = None) -> go.Figure:
    """The worst inputs of the first network of a table, worst first, with the answers without and under the policy.

    Args:
        inputs: ``recipe, seed, precision``, ``input`` (all numbers of it), ``shape``, ``answer``, ``answer_under``
            (-1 where there are no classes).
        style: Of the report; a picture of inputs needs none.
    """
    first = inputs.iloc[0]
    own = inputs[(inputs.recipe == first.recipe) & (inputs.precision == first.precision) & (inputs.seed == first.seed)]
    own = own.head(MOST)
    if not is_images(own):
        return blank("These inputs are no images; the report has them as a table.")
    columns = min(COLUMNS, len(own))
    lines = -(-len(own) // columns)
    traces: list[dict[str, Any]] = []
    layout: dict[str, Any] = {}
    notes: list[dict[str, Any]] = []
    for number, row in enumerate(own.itertuples()):
        line, column = divmod(number, columns)
        place = "" if number == 0 else str(number + 1)
        top = 1 - line / lines
        x, y = [column / columns + 0.01, (column + 1) / columns - 0.01], [top - 0.82 / lines, top - 0.02]
        hidden = {"visible": False, "constrain": "domain"}
        layout[f"xaxis{place}"] = axis({**hidden, "domain": x, "anchor": f"y{place}"})
        layout[f"yaxis{place}"] = axis(
            {**hidden, "domain": y, "anchor": f"x{place}", "scaleanchor": f"x{place}", "autorange": "reversed"}
        )
        traces.append(
            {"type": "image", "z": _pixels(row), "xaxis": f"x{place}", "yaxis": f"y{place}", "hoverinfo": "skip"}
        )
        words = f"{row.answer} \N{RIGHTWARDS ARROW} {row.answer_under}" if row.answer >= 0 else ""
        notes.append(
            {
                "text": words,
                "x": sum(x) / 2,
                "y": top - 0.84 / lines,
                "xref": "paper",
                "yref": "paper",
                "yanchor": "top",
                "showarrow": False,
                "font": {"size": 12.5, "color": MUTED},
            }
        )
    margin = {"l": 8, "r": 8, "t": 8, "b": 8}
    return figure(traces, height=SIDE * lines + 16, annotations=notes, margin=margin, **layout)


def _pixels(row: Any) -> list[list[list[int]]]:
    """An input as red, green and blue [rows, columns, 3] from 0 to 255, its own extremes as black and white."""
    channels, height, width = (int(size) for size in row.shape)
    values: NDArray[np.float64] = np.asarray(row.input, dtype=float).reshape(channels, height, width)
    low, high = float(values.min()), float(values.max())
    grey = np.round(255 * (values - low) / (high - low)) if high > low else np.zeros_like(values)
    colours: list[list[list[int]]] = np.repeat(grey, 3 // channels, 0).transpose(1, 2, 0).astype(int).tolist()
    return colours
