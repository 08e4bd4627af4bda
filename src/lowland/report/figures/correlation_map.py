"""Which measures go along with fragility: all correlations at a glance."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from lowland.analysis.correlation import SCOPES
from lowland.report.labels import predictor_label
from lowland.report.style import DIVERGING, INK, LABELS, MINUS, NO_RESULT, blank, figure, menu
from lowland.vocabulary.labels import condition_label, short_label
from lowland.vocabulary.measures import MEASURES

MATCHED = ("flip_curvature", "input_curvature", "rounding_curvature")


def correlation_heatmap(correlations: pd.DataFrame, *, statistic: str = "spearman") -> go.Figure:
    """Every predictor (rows) with every disturbance (columns); bold where the interval excludes zero.

    Args:
        correlations: From ``correlations``, one task.
        statistic: ``spearman`` or ``kendall``.
    """
    chosen = correlations[correlations.statistic == statistic]
    if chosen.empty:
        return blank(NO_RESULT)
    predictors = _ordered_predictors(chosen)
    traces: list[dict[str, Any]] = []
    views = [(r, s) for r in dict.fromkeys(chosen.response) for s in SCOPES]
    buttons = []
    for number, (response, scope) in enumerate(views):
        view = chosen[(chosen.response == response) & (chosen.scope == scope)]
        known = view[view.status == "ok"]
        conditions = list(dict.fromkeys(zip(known.condition, known.target, strict=True)))
        cell: dict[tuple[str, tuple[str, str]], Any] = {
            (r.predictor, (r.condition, r.target)): r for r in view.itertuples()
        }
        grid: list[list[Any]] = [[cell.get((p, c)) for c in conditions] for p in predictors]
        traces.append(
            dict(
                type="heatmap",
                z=[[None if _missing(r) else round(r.value, 3) for r in row] for row in grid],
                x=[short_label(*c) for c in conditions],
                y=[predictor_label(p) for p in predictors],
                text=[[_cell_text(r) for r in row] for row in grid],
                texttemplate="%{text}",
                textfont={"size": 11.5},
                hovertext=[[_cell_hover(r) for r in row] for row in grid],
                hoverinfo="text",
                colorscale=DIVERGING,
                zmin=-1,
                zmax=1,
                xgap=2,
                ygap=2,
                showscale=False,
                hoverongaps=False,
                visible=number == 0,
            )
        )
        words = "precision by precision" if scope == SCOPES[0] else "all precisions in one pot"
        visible = [i == number for i in range(len(views))]
        buttons.append(
            {"label": f"{MEASURES[response].label}, {words}", "method": "restyle", "args": [{"visible": visible}]}
        )
    groups = [MATCHED, tuple(p for p in predictors if p in set(chosen.loc[chosen.kind == "baseline", "predictor"]))]
    lines = [sum(p in groups[0] for p in predictors), len(predictors) - len(groups[1])]
    rule = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "line": {"color": INK, "width": 1.2}}
    return figure(
        traces,
        height=150 + 27 * len(predictors),
        x=LABELS | {"side": "top", "tickangle": -28},
        y=LABELS | {"autorange": "reversed"},
        updatemenus=[menu(buttons) | {"pad": {"b": 62}}],
        shapes=[rule | {"y0": line - 0.5, "y1": line - 0.5} for line in lines if 0 < line < len(predictors)],
        margin={"l": 8, "r": 8, "t": 104, "b": 16},
    )


def _ordered_predictors(rows: pd.DataFrame) -> list[str]:
    names = list(dict.fromkeys(rows.predictor))
    baselines = set(rows.loc[rows.kind == "baseline", "predictor"])
    others = sorted(n for n in names if n not in baselines and n not in MATCHED)
    return [*(n for n in MATCHED if n in names), *others, *(n for n in names if n in baselines)]


def _missing(row: Any) -> bool:
    return row is None or row.status != "ok"


def _cell_text(row: Any) -> str:
    if _missing(row):
        return ""
    text = f"{row.value:+.2f}".replace("-0.00", "+0.00").replace("0.", ".").replace("-", MINUS)
    return f"<b>{text}</b>" if row.low > 0 or row.high < 0 else text


def _cell_hover(row: Any) -> str:
    if row is None:
        return "not measured together"
    what = f"{MEASURES[row.response].label}, {condition_label(row.condition, row.target)}"
    head = f"<b>{predictor_label(row.predictor)}</b> with {what}<br>"
    if row.status != "ok":
        return head + "no correlation: one of the two has no numbers here, or does not vary"
    worst = f"<br>worst precision: {row.worst_stratum} ({row.worst_value:+.2f})" if row.worst_stratum else ""
    left_out = f"<br>{row.num_not_ok} cells without a number" if row.num_not_ok else ""
    descriptive = "<br>descriptive only: fewer than 8 recipes" if row.descriptive else ""
    return (
        f"{head}{row.statistic} {row.value:+.2f}, 95 % interval [{row.low:+.2f}, {row.high:+.2f}]<br>"
        f"{row.num_cells} cells, {row.num_recipes} recipes{worst}{left_out}{descriptive}"
    )
