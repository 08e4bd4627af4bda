"""What triplicating the most damaging bits is worth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from lowland.report.figures.choice import first_seed, short, with_choice
from lowland.report.score_text import ScoreText
from lowland.report.style import PAPER, Style, legend, score_axis, transparent
from lowland.vocabulary.labels import power_text

_TICKS = (0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000)


def protection_figure(protection: pd.DataFrame, *, style: Style | None = None, recipe: str | None = None) -> go.Figure:
    """The score under bit errors against the number of triplicated bits, one colour per precision, recipe to choose.

    Marks on full lines, with bars of two standard errors, are simulated; dashed lines are the expectation to first
    order in the bit error rate. Dotted: the floor. Stars: the fewest bits that hold it, full by simulation, open to
    first order.

    Args:
        protection: ``recipe, seed, precision``, ``protected``, ``expected``, ``gain`` (of the last protected bit, to
            first order; may be missing), ``simulated``, ``score`` (its name),
            ``simulated_standard_error``, ``clean``, ``floor``, ``bit_error_rate``, ``needed``,
            ``needed_by_simulation``, ``num_bits``; of each recipe the first seed is shown, at ``shown_rate``.
        style: Of the report; made from the table itself without it.
        recipe: The one shown first; by default the first in the table.
    """
    style = style or Style.of(protection)
    score = style.score
    rate = shown_rate(protection)
    shown = protection[protection.bit_error_rate == rate]
    shown_score = f"{score.label} %{{y:{score.digits}}}"
    widest = _place(shown.protected.max())
    traces: list[dict[str, Any]] = []
    owners: list[str] = []
    for name, precision, rows in first_seed(shown, style):
        plan = rows.sort_values("protected")
        first = plan.iloc[0]
        colour = style.colours[precision]
        group = {"type": "scatter", "legendgroup": precision, "showlegend": False}
        head = f"<b>{precision}</b>, {name}<br>%{{customdata}} of {int(first.num_bits):,} bits triplicated<br>"
        x, counts = short(_place(plan.protected)), [f"{int(k):,}" for k in plan.protected]
        simulated = plan[plan.simulated.notna()]
        gains = [_gain(gain, score) for gain in plan.gain] if "gain" in plan else [""] * len(plan)
        traces += [
            group
            | {
                "mode": "lines",
                "x": [0, widest],
                "y": [score.drawn(float(first.floor))] * 2,
                "line": {"color": transparent(colour, 0.8), "width": 1.2, "dash": "dot"},
                "hoverinfo": "skip",
            },
            group
            | {
                "mode": "lines",
                "x": x,
                "y": short(plan.expected),
                "customdata": counts,
                "text": gains,
                "line": {"color": transparent(colour, 0.75), "width": 1.5, "dash": "dash"},
                "hovertemplate": f"{head}expected to first order: {shown_score}%{{text}}<extra></extra>",
            },
            group
            | {
                "mode": "lines+markers",
                "x": short(_place(simulated.protected)),
                "y": short(simulated.simulated),
                "customdata": [f"{int(k):,}" for k in simulated.protected],
                "error_y": {
                    "type": "data",
                    "array": short(2 * simulated.simulated_standard_error.fillna(0)),
                    "thickness": 1,
                    "width": 0,
                    "color": transparent(colour, 0.5),
                },
                "line": {"color": colour, "width": 2},
                "marker": {"color": colour, "size": 6},
                "name": precision,
                "showlegend": True,
                "hovertemplate": f"{head}simulated {shown_score} ± %{{error_y.array:{score.digits}}}<extra></extra>",
            },
        ]
        owners += [name] * 3
        for needed, symbol, words in (
            (first.needed_by_simulation, "star", f"hold the {score.floor}, by simulation"),
            (first.needed, "star-open", f"hold the {score.floor}, to first order"),
        ):
            if needed == needed:
                traces.append(
                    group
                    | {
                        "mode": "markers",
                        "x": short([_place(needed)]),
                        "y": [score.drawn(float(first.floor))],
                        "customdata": [f"{int(needed):,}"],
                        "marker": {"symbol": symbol, "size": 13, "color": colour, "line": {"width": 1.5}},
                        "hovertemplate": f"{head}{words}<extra></extra>",
                    }
                )
                owners.append(name)
    ticks = [k for k in _TICKS if _place(k) <= widest + 1e-9]
    return with_choice(
        traces,
        owners,
        style,
        recipe=recipe,
        height=400,
        x={
            "title": f"stored bits triplicated, of all, at bit error rate {power_text(rate)}",
            "tickvals": short(_place(ticks)),
            "ticktext": [f"{k:,}" for k in ticks],
            "range": [-0.03 * widest, 1.03 * widest],
        },
        y=score_axis(score, *_frame(shown, score)),
        legend=legend(x=1, xanchor="right", y=0.02, yanchor="bottom", bgcolor=transparent(PAPER, 0.8)),
        margin={"l": 56, "r": 16, "t": 54, "b": 52},
    )


def shown_rate(protection: pd.DataFrame) -> float:
    """At which bit error rate plans are shown, of those that were made: the highest, where most is at stake."""
    return float(protection.bit_error_rate.max())


def _frame(shown: pd.DataFrame, score: ScoreText) -> list[float]:
    """From no score at the least; of errors to twice those simulated: to first order many flips cost too much."""
    far = None if score.higher_is_better else 2 * float(pd.concat([shown.simulated, shown.floor]).max())
    values = pd.concat([shown.expected, shown.simulated, shown.floor]).dropna().clip(lower=0, upper=far)
    margin = 0.06 * float(values.max() - values.min()) or 0.01
    return [score.drawn(float(values.min()) - margin), score.drawn(float(values.max()) + margin)]


def _gain(gain: float, score: ScoreText) -> str:
    """What the last protected bit brings, for the hover."""
    return f"<br>the last of them brings {score.change(gain)}" if gain == gain and gain != 0 else ""


def _place(count: Any) -> Any:
    """Logarithmic, with room for none."""
    return np.log10(1 + np.asarray(count, dtype=float))
