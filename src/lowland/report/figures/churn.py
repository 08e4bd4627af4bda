"""How many answers change on shifted data against how many change on nominal ones, by configuration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from lowland.analysis.precision_roles import control_precisions
from lowland.analysis.stability import ALL_SHIFTED, NOMINAL, changed_answers, changes_of_configurations
from lowland.report.style import ACCENT, FAINT, MUTED, NO_RESULT, Style, blank, figure, legend, transparent

NOTHING = "No deployed network was compared with its float network on shifted data."
LEAST = 2e-4
"""Shares below are drawn here: the axes have decades, and no change at all is none of them."""
TICKS = (2e-4, 1e-3, 1e-2, 1e-1, 1.0)


def churn_figure(
    measurements: pd.DataFrame, *, style: Style | None = None, chosen: tuple[str, str] | None = None
) -> go.Figure:
    """Answers that differ from those of the float network: shifted sets against nominal rows, a point a configuration.

    Colour is the precision, the marker the recipe; bars are 95 % t-intervals over seeds. Above the diagonal, shifted
    data change more answers than nominal ones.

    Args:
        measurements: The long table of one task, of one half of the held-out rows.
        style: Of the report; made from the table itself without it.
        chosen: (recipe, precision) of the configuration that is ringed.
    """
    points = churn_points(measurements)
    if points.empty:
        return blank(NOTHING if measurements.status.eq("ok").any() else NO_RESULT)
    style = style or Style.of(measurements)
    middles, tops = points[["nominal", "shifted"]], points[["nominal", "shifted", "high_nominal", "high_shifted"]]
    ends = [max(LEAST, 0.5 * float(middles.min().min())) / 1.3, min(1.3, 1.6 * float(tops.max().max()) + LEAST)]
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": ends,
            "y": ends,
            "line": {"color": FAINT, "width": 1, "dash": "dot"},
            "hoverinfo": "skip",
            "showlegend": False,
        }
    ]
    for precision in style.precisions:
        rows = points[points.precision == precision]
        if len(rows):
            traces.append(_markers(rows, precision, style))
    ringed = points[[pair == chosen for pair in zip(points.recipe, points.precision, strict=True)]]
    if len(ringed):
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": _drawn(ringed.nominal),
                "y": _drawn(ringed.shifted),
                "marker": {"symbol": "circle-open", "size": 22, "color": ACCENT, "line": {"width": 2}},
                "hoverinfo": "skip",
                "showlegend": False,
            }
        )
    scale = {
        "type": "log",
        "range": [float(np.log10(end)) for end in ends],
        "tickvals": list(TICKS),
        "ticktext": [f"{100 * tick:g} %" for tick in TICKS],
    }
    return figure(
        traces,
        height=460,
        x={**scale, "title": "answers that differ, nominal rows"},
        y={**scale, "title": "answers that differ, shifted sets"},
        legend=legend(x=0, y=-0.16, yanchor="top"),
        margin={"l": 64, "r": 16, "t": 16, "b": 52},
    )


def churn_points(measurements: pd.DataFrame) -> pd.DataFrame:
    """Churn against the float network of every configuration that has one on nominal rows and on shifted sets.

    Controls, which are fine-tuned without quantizers, are none of them.

    Args:
        measurements: The long table of one task, of one half of the held-out rows.

    Returns:
        ``recipe``, ``precision``; ``nominal`` and ``shifted`` (of the one shifted set, or the mean over all), and
        ``low_…`` and ``high_…`` of both (NaN without an interval).
    """
    changes = changed_answers(measurements)
    changes = changes[(changes.reference_kind == "float") & (changes.measure == "churn") & (changes.method != "float")]
    changes = changes[~changes.precision.isin(control_precisions(measurements))]
    sets = [name for name in changes.condition.unique() if name != NOMINAL]
    if not sets or NOMINAL not in set(changes.condition):
        return pd.DataFrame()
    shifted = ALL_SHIFTED if ALL_SHIFTED in sets else sets[0]
    means = changes_of_configurations(changes)
    means = means[means["mean"].notna()].set_index(["recipe", "precision"])
    sides = [
        means.loc[means.condition == condition, ["mean", "low", "high"]].set_axis(
            [name, f"low_{name}", f"high_{name}"], axis=1
        )
        for name, condition in (("nominal", NOMINAL), ("shifted", shifted))
    ]
    return pd.concat(sides, axis=1, join="inner").reset_index()


def _markers(rows: pd.DataFrame, precision: str, style: Style) -> dict[str, Any]:
    colour = style.colours[precision]

    def bars(side: str) -> dict[str, Any]:
        middle = np.array(_drawn(rows[side]))
        above = np.nan_to_num(np.array(_drawn(rows[f"high_{side}"].fillna(rows[side]))) - middle)
        below = np.nan_to_num(middle - np.array(_drawn(rows[f"low_{side}"].fillna(rows[side]))))
        return {
            "type": "data",
            "symmetric": False,
            "array": [round(float(v), 6) for v in above],
            "arrayminus": [round(float(v), 6) for v in below],
            "thickness": 1,
            "width": 0,
            "color": transparent(colour, 0.3),
        }

    return {
        "type": "scatter",
        "mode": "markers",
        "name": precision,
        "x": _drawn(rows.nominal),
        "y": _drawn(rows.shifted),
        "error_x": bars("nominal"),
        "error_y": bars("shifted"),
        "marker": {
            "symbol": [style.markers[recipe] for recipe in rows.recipe],
            "size": 9,
            "color": colour,
            "line": {"width": 1, "color": MUTED},
        },
        "hovertemplate": [
            f"<b>{precision}</b>, {row.recipe}<br>nominal {100 * row.nominal:.2g} %, shifted {100 * row.shifted:.2g} %"
            "<extra></extra>"
            for row in rows.itertuples()
        ],
    }


def _drawn(shares: pd.Series) -> list[float]:
    return [round(max(float(share), LEAST), 6) for share in shares]
