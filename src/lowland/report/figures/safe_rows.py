"""How many rows no flipped bit changes, by how many bits are triplicated; and what rounding can cost, by bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from lowland.report.figures.choice import first_seed, short, with_choice
from lowland.report.style import PAPER, Style, figure, legend, transparent

LEGEND = legend(x=1, xanchor="right", y=0.02, yanchor="bottom", bgcolor=transparent(PAPER, 0.8))


def safe_rows_figure(frontier: pd.DataFrame, *, style: Style | None = None, recipe: str | None = None) -> go.Figure:
    """Share of upset-safe rows against the number of triplicated bits, one colour per precision, recipe to choose.

    Full: test rows; dotted: the landscape rows that chose the bits and their order.

    Args:
        frontier: ``recipe, seed, precision``, ``triplicated``, ``landscape_share``, ``test_share``, ``num_bits``; of
            each recipe the first seed is shown.
        style: Of the report; made from the table itself without it.
        recipe: The one shown first; by default the first in the table.
    """
    style = style or Style.of(frontier)
    traces: list[dict[str, Any]] = []
    owners: list[str] = []
    for name, precision, rows in first_seed(frontier, style):
        line = rows.sort_values("triplicated")
        colour, total = style.colours[precision], float(line.num_bits.iloc[0])
        shared = {"type": "scatter", "mode": "lines", "legendgroup": precision, "x": short(line.triplicated / total)}
        counts = [f"{int(count):,} of {int(total):,}" for count in line.triplicated]
        head = f"<b>{precision}</b>, {name}<br>%{{customdata}} bits triplicated"
        traces += [
            shared
            | {
                "y": short(line.landscape_share),
                "customdata": counts,
                "line": {"color": transparent(colour, 0.7), "width": 1.3, "dash": "dot"},
                "showlegend": False,
                "hovertemplate": f"{head}<br>%{{y:.1%}} of the landscape rows safe<extra></extra>",
            },
            shared
            | {
                "y": short(line.test_share),
                "customdata": counts,
                "line": {"color": colour, "width": 2, "dash": style.dashes[precision]},
                "name": precision,
                "hovertemplate": f"{head}<br>%{{y:.1%}} of the test rows safe<extra></extra>",
            },
        ]
        owners += [name] * 2
    return with_choice(
        traces,
        owners,
        style,
        recipe=recipe,
        height=380,
        x={"title": "stored bits that are triplicated, of all", "tickformat": ".0%", "rangemode": "tozero"},
        y={"title": "rows that no flip changes", "tickformat": ".0%", "range": [-0.03, 1.03]},
        legend=LEGEND,
        margin={"l": 56, "r": 16, "t": 54, "b": 52},
    )


def rounding_figure(lines: pd.DataFrame, *, colours: dict[str, str]) -> go.Figure:
    """Proved (full) and not refuted (dotted) shares of rows whose class rounding never changes, by bits.

    Args:
        lines: ``line``, ``bits``, ``proved``, ``at_most``; each point the mean of a line's networks.
        colours: By line.
    """
    traces: list[dict[str, Any]] = []
    for name, rows in lines.groupby("line", sort=False):
        line, colour = rows.sort_values("bits"), colours[str(name)]
        shared = {"type": "scatter", "legendgroup": str(name), "x": short(line.bits)}
        traces += [
            shared
            | {
                "mode": "lines",
                "y": short(line.at_most),
                "line": {"color": transparent(colour, 0.7), "width": 1.3, "dash": "dot"},
                "showlegend": False,
                "hovertemplate": f"<b>{name}</b>, %{{x}} bits<br>at most %{{y:.1%}}<extra></extra>",
            },
            shared
            | {
                "mode": "lines+markers",
                "y": short(line.proved),
                "line": {"color": colour, "width": 2},
                "marker": {"color": colour, "size": 6},
                "name": str(name),
                "hovertemplate": f"<b>{name}</b>, %{{x}} bits<br>%{{y:.1%}} proved<extra></extra>",
            },
        ]
    widths = sorted({int(bits) for bits in np.asarray(lines.bits)})
    return figure(
        traces,
        height=360,
        x={"title": "bits of weights and biases", "tickvals": widths, "autorange": "reversed"},
        y={"title": "rows that rounding never changes", "tickformat": ".0%", "range": [-0.03, 1.03]},
        legend=legend(x=0, xanchor="left", y=0.02, yanchor="bottom", bgcolor=transparent(PAPER, 0.8)),
    )
