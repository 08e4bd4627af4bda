"""What recipes and ways to quantize add to all that can be had at once, in sentences."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lowland.report.labels import METHODS
from lowland.report.words import listed

COSTS = {"size": "size", "bit_operations": "bit operations"}
MOST = 3  # that are named


def volume_sentences(changes: pd.DataFrame, robustness: str | None) -> list[str]:
    """One sentence a cost: what the study would lose most without.

    Args:
        changes: From ``hypervolume_changes``, of one task.
        robustness: Which criterion; None: no sentence.
    """
    if changes.empty or robustness is None:
        return []
    own = changes[changes.robustness == robustness]
    return [_sentence(own[own.cost == cost], words) for cost, words in COSTS.items() if (own.cost == cost).any()]


def _sentence(rows: pd.DataFrame, cost: str) -> str:
    ordered = rows[rows.change > 0].sort_values("change", ascending=False, kind="stable")
    goods = f"score, {cost} and {rows.label.iloc[0]}"
    if ordered.empty:
        return f"Of {goods} together nothing would be lost without any one recipe or way to quantize."
    parts = [_part(row) for row in ordered.head(MOST).to_dict("records")]
    return f"Of {goods} together most would be lost without {listed(parts)}."


def _part(row: dict[Any, Any]) -> str:
    name = METHODS[row["left_out"]] if row["kind"] == "method" else row["left_out"]
    low, high = row["low"], row["high"]
    ends = f", {100 * low:.2g} to {100 * high:.2g}".replace("-", "\N{MINUS SIGN}") if low == low else ""
    return f"{name} ({100 * row['change']:.2g} %{ends})"
