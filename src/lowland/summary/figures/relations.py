"""Why: correlations, predicted against measured, and how far the prediction can be trusted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from lowland.measurements import MEASURES
from lowland.summary.criteria import condition_label
from lowland.summary.correlation import SCOPES
from lowland.summary.prediction import EVERY, WITHIN
from lowland.summary.style import DIVERGING, FAINT, INK, MUTED, RULE, Style, figure, menu

MATCHED = ("flip_curvature", "input_curvature", "rounding_curvature")
_LABELS = {"weight_bits": "bit width", "clean_accuracy": "clean accuracy", "clean_loss": "clean loss", "loss": "loss (other rows)"}
_RESPONSES = {"loss_rise": "loss rise", "accuracy_drop": "accuracy drop", "mismatch_rate": "changed decisions"}
_SHORT = {
    "gaussian": "Gaussian", "salt_and_pepper": "salt & pepper", "flips": "flips", "bit_error_rate": "error rate",
    "ieee754_flips": "flips, fp32", "ieee754_bit_error_rate": "error rate, fp32",
}  # fmt: skip


def predictor_label(name: str) -> str:
    """A predictor in words."""
    base, _, rest = name.partition(" (")
    label = _LABELS.get(base) or (MEASURES[base].label if base in MEASURES else base.replace("_", " "))
    return f"{label} ({rest}" if rest else label


def correlation_heatmap(correlations: pd.DataFrame, *, statistic: str = "spearman") -> go.Figure:
    """Every predictor (rows) with every disturbance (columns); bold where the interval excludes zero.

    Args:
        correlations: From ``correlations``, one task.
        statistic: ``spearman`` or ``kendall``.
    """
    chosen = correlations[correlations.statistic == statistic]
    predictors = _ordered_predictors(chosen)
    fig = figure(height=150 + 27 * len(predictors))
    views = [(r, s) for r in dict.fromkeys(chosen.response) for s in SCOPES]
    buttons = []
    for number, (response, scope) in enumerate(views):
        view = chosen[(chosen.response == response) & (chosen.scope == scope)]
        conditions = list(dict.fromkeys(view.condition))
        cell = {(r.predictor, r.condition): r for r in view.itertuples()}
        grid = [[cell.get((p, c)) for c in conditions] for p in predictors]
        fig.add_heatmap(
            z=[[None if _missing(r) else round(r.value, 3) for r in row] for row in grid],
            x=[_SHORT.get(c, condition_label(c)) for c in conditions],
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
        words = "precision by precision" if scope == SCOPES[0] else "all precisions in one pot"
        visible = [i == number for i in range(len(views))]
        buttons.append({"label": f"{_RESPONSES[response]}, {words}", "method": "restyle", "args": [{"visible": visible}]})
    groups = [MATCHED, tuple(p for p in predictors if p in set(chosen.loc[chosen.kind == "baseline", "predictor"]))]
    lines = [sum(p in groups[0] for p in predictors), len(predictors) - len(groups[1])]
    fig.update_layout(
        updatemenus=[menu(buttons)],
        margin={"t": 104, "l": 150, "b": 16, "r": 8},
        shapes=[
            {
                "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": line - 0.5, "y1": line - 0.5,
                "line": {"color": INK, "width": 1.2},
            }
            for line in lines
            if 0 < line < len(predictors)
        ],
    )  # fmt: skip
    fig.update_xaxes(side="top", ticks="", showline=False, tickangle=-28, tickfont={"color": INK, "size": 12})
    fig.update_yaxes(autorange="reversed", showgrid=False, ticks="", tickfont={"color": INK, "size": 12.5})
    fig.update_layout(updatemenus=[{"y": 1, "pad": {"b": 62}}])
    return fig


def prediction_figure(points: pd.DataFrame, *, condition: str, style: Style) -> go.Figure:
    """Measured against predicted loss rise, one point per cell and level; on the line the prediction is right.

    Args:
        points: From ``prediction_points``, one task. Points without a positive prediction or rise have no place on
            logarithmic axes.
        condition: ``flips``, ``bit_error_rate`` or ``gaussian``.
        style: Of the report.
    """
    rows = points[(points.condition == condition) & (points.status == "ok") & (points.measured > 0) & (points.predicted > 0)]
    fig = figure(height=470, x_title="predicted loss rise (nats), nothing fitted", y_title="measured loss rise (nats)")
    if not len(rows):
        return fig
    ends = [float(min(rows.predicted.min(), rows.measured.min())) * 0.7, float(max(rows.predicted.max(), rows.measured.max())) * 1.4]
    fig.add_scatter(x=ends, y=ends, mode="lines", line={"color": INK, "width": 1.2}, hoverinfo="skip")
    unit = {"flips": "flips", "bit_error_rate": "bit error rate", "gaussian": "per cent noise"}[condition]
    for precision in style.precisions:
        group = rows[rows.precision == precision]
        if not len(group):
            continue
        fig.add_scatter(
            x=[float(f"{v:.4g}") for v in group.predicted],
            y=[float(f"{v:.4g}") for v in group.measured],
            mode="markers",
            name=precision,
            showlegend=True,
            marker={
                "symbol": [style.markers[r] for r in group.recipe], "size": 6.5, "opacity": 0.65, "color": style.colours[precision],
                "line": {"width": 1, "color": style.colours[precision]},
            },
            text=[
                f"<b>{r.recipe}, {r.precision}</b>, {r.seed}<br>{r.level:g} {unit}<br>predicted {r.predicted:.3g}, measured {r.measured:.3g}"
                for r in group.itertuples()
            ],
            hoverinfo="text",
        )  # fmt: skip
    fig.add_annotation(
        x=np.log10(ends[1]) - 0.02, y=np.log10(ends[1]), text="measured = predicted", showarrow=False, xanchor="right",
        yanchor="bottom", font={"color": INK, "size": 12},
    )  # fmt: skip
    span = [float(np.log10(e)) for e in ends]
    fig.update_xaxes(type="log", range=span, dtick=1, exponentformat="power", showgrid=True)
    fig.update_yaxes(type="log", range=span, dtick=1, exponentformat="power")
    fig.update_layout(
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.01, "yanchor": "bottom", "font": {"size": 12.5}, "itemclick": False, "itemdoubleclick": False},
        margin={"t": 40},
    )
    return fig


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
    fig = figure(height=96 + 30 * len(precisions))
    fig.add_heatmap(
        z=[[None if r is None or not r.median_ratio > 0 else round(float(np.log2(r.median_ratio)), 3) for r in row] for row in grid],
        x=[f"{level:g}" + (" %" if condition == "gaussian" else "") for level in levels],
        y=precisions,
        text=[["" if r is None or r.median_ratio != r.median_ratio else f"×{r.median_ratio:.2f}" for r in row] for row in grid],
        texttemplate="%{text}",
        textfont={"size": 12},
        hovertext=[
            [
                "" if r is None else f"<b>{r.scope} at {r.level:g}</b><br>median measured / predicted ×{r.median_ratio:.2f}<br>"
                f"R² {r.r_squared:.2f} of at most about {r.ceiling:.2f}<br>Spearman {r.spearman:.2f} over {r.num_points} cells"
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
    )  # fmt: skip
    title = {"flips": "bits flipped", "bit_error_rate": "bit error rate", "gaussian": "Gaussian noise"}[condition]
    fig.update_xaxes(type="category", ticks="", showline=False, title_text=title)
    fig.update_yaxes(autorange="reversed", showgrid=False, ticks="", tickfont={"color": INK, "size": 12.5})
    fig.update_layout(margin={"t": 8, "l": 56, "b": 48})
    return fig


def predictor_comparison(fits: pd.DataFrame, *, condition: str) -> go.Figure:
    """R² of the matched curvature beside the baselines, all levels: all precisions together and within precision.

    Args:
        fits: From ``prediction_fits``, one task.
        condition: ``flips``, ``bit_error_rate`` or ``gaussian``.
    """
    rows = fits[(fits.condition == condition) & fits.level.isna()]
    order = list(rows[rows.scope == EVERY].sort_values("r_squared", kind="stable").predictor)
    fig = figure(height=110 + 42 * len(order), x_title="share of the spread in log loss rise that is explained, R²")
    for scope, label, offset, colour, symbol in (
        (EVERY, "over all precisions", 0.13, INK, "circle"),
        (WITHIN, "within one precision", -0.13, MUTED, "circle-open"),
    ):
        part = rows[rows.scope == scope].set_index("predictor").reindex(order)
        shown = part[part.r_squared.notna()]
        fig.add_scatter(
            x=list(shown.r_squared.round(4)),
            y=[order.index(p) + offset for p in shown.index],
            mode="markers",
            name=label,
            showlegend=True,
            marker={"symbol": symbol, "size": 10, "color": colour, "line": {"width": 1.8, "color": colour}},
            error_x={
                "type": "data", "symmetric": False, "thickness": 1.2, "width": 0, "color": FAINT,
                "array": list((shown.r_squared_high - shown.r_squared).clip(lower=0).fillna(0).round(4)),
                "arrayminus": list((shown.r_squared - shown.r_squared_low).clip(lower=0).fillna(0).round(4)),
            },
            text=[
                f"<b>{predictor_label(p)}</b>, {label}<br>R² {r.r_squared:.2f} [{r.r_squared_low:.2f}, {r.r_squared_high:.2f}]<br>"
                f"slope {r.slope:.2f}, Spearman {r.spearman:.2f}<br>{r.num_points} points, {r.num_recipes} recipes"
                for p, r in zip(shown.index, shown.itertuples(), strict=True)
            ],
            hoverinfo="text",
        )  # fmt: skip
    ceiling = rows.loc[rows.scope == EVERY, "ceiling"].max()
    if ceiling == ceiling:
        fig.add_vline(x=float(ceiling), line={"color": FAINT, "width": 1, "dash": "dot"})
        fig.add_annotation(
            x=float(ceiling), y=len(order) - 0.45, text="ceiling: noise of measuring", showarrow=False, xanchor="right",
            xshift=-4, yanchor="bottom", font={"size": 11.5, "color": MUTED},
        )  # fmt: skip
    fig.update_xaxes(range=[-0.02, 1.02], showgrid=True)
    fig.update_yaxes(
        tickvals=list(range(len(order))), ticktext=[predictor_label(p) for p in order], range=[-0.6, len(order) - 0.1],
        showgrid=False, ticks="", tickfont={"color": INK, "size": 12.5}, gridcolor=RULE,
    )  # fmt: skip
    fig.update_layout(
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"size": 12.5}, "itemclick": False, "itemdoubleclick": False},
        showlegend=True,
        margin={"t": 36, "l": 150},
    )
    return fig


def _ordered_predictors(rows: pd.DataFrame) -> list[str]:
    names = list(dict.fromkeys(rows.predictor))
    baselines = set(rows.loc[rows.kind == "baseline", "predictor"])
    return sorted(names, key=lambda n: (n in baselines, n not in MATCHED, n in baselines or n in MATCHED or n))


def _missing(row: object) -> bool:
    return row is None or row.status != "ok"  # type: ignore[attr-defined]  # a row of itertuples


def _cell_text(row: object) -> str:
    if _missing(row):
        return ""
    text = f"{row.value:+.2f}".replace("0.", ".").replace("-", "−")  # type: ignore[attr-defined]  # a row of itertuples
    clear = row.low > 0 or row.high < 0  # type: ignore[attr-defined]  # a row of itertuples
    return f"<b>{text}</b>" if clear else text


def _cell_hover(row) -> str:  # type: ignore[no-untyped-def]  # a row of itertuples
    if row is None:
        return "not measured together"
    head = f"<b>{predictor_label(row.predictor)}</b> with {_RESPONSES[row.response]}, {condition_label(row.condition)}<br>"
    if row.status != "ok":
        return head + "no correlation: one of the two does not vary here"
    worst = f"<br>worst precision: {row.worst_stratum} ({row.worst_value:+.2f})" if row.worst_stratum else ""
    left_out = f"<br>{row.num_not_ok} cells without a number" if row.num_not_ok else ""
    descriptive = "<br>descriptive only: fewer than 8 recipes" if row.descriptive else ""
    return (
        f"{head}{row.statistic} {row.value:+.2f}, 95 % interval [{row.low:+.2f}, {row.high:+.2f}]<br>"
        f"{row.num_cells} cells, {row.num_recipes} recipes{worst}{left_out}{descriptive}"
    )
