"""Pictures of cells and pairs of them: spectral densities, planes around the weights, paths between seeds, bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from lowland.report.figures.bit_map import flip_map_figure
from lowland.report.figures.choice import INSIDE, first_seed, short, with_choice
from lowland.report.figures.policies import policy_search_figure
from lowland.report.figures.protection import protection_figure
from lowland.report.figures.safe_rows import safe_rows_figure
from lowland.report.figures.worst_inputs import worst_inputs_figure
from lowland.report.style import SEQUENTIAL, Style, axis, transparent

LOWEST_DENSITY = 1e-6  # of the peak: the single large eigenvalues of a network of some 10^4 parameters stay in sight
LOWEST_RISE, HIGHEST_RISE = 1e-2, 1e1  # ends of the colour scale of surfaces: nats, or parts of another loss's middle


def density_figure(densities: pd.DataFrame, *, style: Style | None = None) -> go.Figure:
    """Spectral density of the Hessian, one line per precision with a band of two standard errors, recipe to choose.

    Args:
        densities: ``recipe, seed, precision``, ``eigenvalue``, ``density``, ``standard_error``; of each recipe the
            first seed is shown.
        style: Of the report; made from the table itself without it.
    """
    style = style or Style.of(densities)
    traces: list[dict[str, Any]] = []
    owners: list[str] = []
    floor = LOWEST_DENSITY * float(densities.density.max())
    for recipe, precision, line in first_seed(densities, style):
        colour = style.colours[precision]
        low = (line.density - 2 * line.standard_error).clip(lower=floor)
        high = (line.density + 2 * line.standard_error).clip(lower=floor)
        band = {"type": "scatter", "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
        x = short(line.eigenvalue)
        traces += [
            band | {"x": x, "y": short(low)},
            band | {"x": x, "y": short(high), "fill": "tonexty", "fillcolor": transparent(colour, 0.2)},
            {
                "type": "scatter",
                "mode": "lines",
                "x": x,
                "y": short(line.density.where(line.density >= floor)),
                "line": {"color": colour, "width": 2, "dash": style.dashes[precision]},
                "name": precision,
                "hovertemplate": f"<b>{precision}</b>, {recipe}<br>eigenvalue %{{x:.3g}}: %{{y:.2g}}<extra></extra>",
            },
        ]
        owners += [recipe] * 3
    return with_choice(
        traces,
        owners,
        style,
        height=400,
        x={"title": "eigenvalue of the Hessian"},
        y={"title": "share of eigenvalues per unit", "type": "log", "exponentformat": "power", "dtick": 1},
        legend=INSIDE,
        margin={"l": 64, "r": 16, "t": 54, "b": 52},
    )


def surface_figure(surfaces: pd.DataFrame, *, style: Style | None = None) -> go.Figure:
    """Rise of the loss over planes through the weights, one panel per precision, recipe to choose.

    Args:
        surfaces: ``recipe, seed, precision``, ``directions``, ``x``, ``y``, ``loss``, ``standard_error``; of each
            recipe the first seed is shown, on the plane of ``surface_kind``.
        style: Of the report; made from the table itself without it.
    """
    style = style or Style.of(surfaces)
    shown = surfaces[surfaces.directions == surface_kind(surfaces)]
    precisions = [p for p in style.precisions if p in set(shown.precision)]
    panels = {p: i for i, p in enumerate(precisions)}
    lowest, highest = LOWEST_RISE, HIGHEST_RISE
    if not style.score.is_share:
        away = shown.x.abs() + shown.y.abs()
        middle = float(shown.loss[away <= away.min()].abs().median()) or 1.0
        lowest, highest = (10 ** np.floor(np.log10(end * middle)) for end in (lowest, highest))
    ends = (np.log10(lowest), np.log10(highest))
    traces, owners = [], []
    for recipe, precision, rows in first_seed(shown, style):
        grid = rows.pivot(index="y", columns="x", values="loss")
        rise = (grid - grid.to_numpy()[len(grid) // 2, grid.shape[1] // 2]).to_numpy()
        place = panels[precision] + 1
        traces.append(
            {
                "type": "contour",
                "x": short(grid.columns),
                "y": short(grid.index),
                "z": [short(np.log10(np.clip(row, lowest, None))) for row in rise],
                "customdata": [short(row) for row in rise],
                "xaxis": f"x{place}" if place > 1 else "x",
                "yaxis": f"y{place}" if place > 1 else "y",
                "contours": {"start": ends[0], "end": ends[1], "size": 0.25},
                "line": {"width": 0.5, "color": "rgba(255,255,255,0.5)"},
                "coloraxis": "coloraxis",
                "hovertemplate": f"<b>{precision}</b>, {recipe}<br>(%{{x:.2f}}, %{{y:.2f}}): "
                f"%{{customdata:+.3g}}{style.score.loss_unit}<extra></extra>",
            }
        )
        owners.append(recipe)
    gap = 0.03
    width = (1 - gap * (len(panels) - 1)) / len(panels)
    layout: dict[str, Any] = {
        "coloraxis": {
            "cmin": ends[0],
            "cmax": ends[1],
            "colorscale": SEQUENTIAL,
            "colorbar": {
                "title": {"text": style.score.loss_title("loss rise", "<br>"), "font": {"size": 12.5}},
                "tickvals": [round(ends[0]) + step for step in range(4)],
                "ticktext": [f"{lowest * 10**step:g}" for step in range(4)],
                "thickness": 12,
                "outlinewidth": 0,
            },
        }
    }
    for precision, position in panels.items():
        number = f"{position + 1}" if position else ""
        left = position * (width + gap)
        plain = {"showgrid": False, "showline": False, "ticks": "", "nticks": 3, "constrain": "domain"}
        layout[f"xaxis{number}"] = axis(
            plain | {"domain": [left, left + width], "title": precision, "anchor": f"y{number}"}
        )
        layout[f"yaxis{number}"] = axis(
            plain | {"anchor": f"x{number}", "showticklabels": position == 0, "scaleanchor": f"x{number}"}
        )
    return with_choice(traces, owners, style, height=330, margin={"l": 40, "r": 16, "t": 54, "b": 52}, **layout)


def surface_kind(surfaces: pd.DataFrame) -> str:
    """Which plane is shown of those that were computed: the random one if it is among them."""
    kinds = list(dict.fromkeys(surfaces.directions))
    return "filter_normalised" if "filter_normalised" in kinds else str(kinds[0])


def connection_figure(connections: pd.DataFrame, *, style: Style | None = None) -> go.Figure:
    """Loss along trained curves (full) and straight lines (dotted) between two seeds, recipe to choose.

    Args:
        connections: ``recipe, seed, precision, reference``, ``position``, ``curve_loss``, ``curve_standard_error``,
            ``linear_loss``, ``status``; of each recipe the first pair is shown.
        style: Of the report; made from the table itself without it.
    """
    style = style or Style.of(connections)
    traces: list[dict[str, Any]] = []
    owners: list[str] = []
    for recipe, precision, rows in first_seed(connections, style):
        line = rows[rows.reference == rows.reference.iloc[0]]
        colour, settled = style.colours[precision], (line.status == "ok").all()
        name = "trained curve" if settled else "trained curve, not settled"
        shared = {"type": "scatter", "mode": "lines", "x": short(line.position), "legendgroup": precision}
        traces += [
            shared
            | {
                "y": short(line.linear_loss),
                "line": {"color": colour, "width": 1.3, "dash": "dot"},
                "showlegend": False,
                "hovertemplate": f"<b>{precision}</b>, {recipe}, straight line<br>%{{y:.3f}}<extra></extra>",
            },
            shared
            | {
                "y": short(line.curve_loss),
                "error_y": {
                    "type": "data",
                    "array": short(2 * line.curve_standard_error),
                    "thickness": 1,
                    "width": 0,
                    "color": transparent(colour, 0.4),
                },
                "line": {"color": colour, "width": 2, "dash": "solid" if settled else "dash"},
                "name": precision,
                "hovertemplate": f"<b>{precision}</b>, {recipe}, {name}<br>%{{y:.3f}}<extra></extra>",
            },
        ]
        owners += [recipe] * 2
    return with_choice(
        traces,
        owners,
        style,
        height=400,
        x={"title": "from one seed (0) to the other (1)"},
        y={"title": style.score.loss_title("loss on landscape rows")},
        legend=INSIDE,
        margin={"l": 56, "r": 16, "t": 54, "b": 52},
    )


PICTURES: dict[str, Callable[..., go.Figure]] = {
    "spectral_density": density_figure,
    "loss_surface": surface_figure,
    "mode_connectivity": connection_figure,
    "flip_map": flip_map_figure,
    "protection": protection_figure,
    "upset_safety": safe_rows_figure,
    "policy_search": policy_search_figure,
    "worst_inputs": worst_inputs_figure,
}
OF_BITS = ("flip_map", "protection")
"""Those that show single bits."""
OF_LANDSCAPE = ("spectral_density", "loss_surface", "mode_connectivity")
"""Those that show the valley."""
