"""Which ranking finds the harmful bits, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lowland.report.labels import ranking_label
from lowland.report.words import listed


def ranking_sentence(verdict: Mapping[str, Any]) -> str:
    """One k of ``ranking_verdicts``: the best, all that cannot be told from it, and the ceiling.

    Args:
        verdict: One of them.
    """
    best, *others = verdict["rankings"]
    tied = [f"{ranking_label(entry['ranking'])} ({100 * entry['mean']:.0f} %)" for entry in others if entry["tied"]]
    same = f"; {listed(tied)} cannot be told from it" if tied else ""
    ceiling = ""
    if verdict["ceiling"] is not None:
        ceiling = f" (the map itself, made on other rows: {100 * verdict['ceiling']['mean']:.0f} %)"
    name = ranking_label(best["ranking"])
    return f"Of the {verdict['k']:g} worst flips, {name} finds {100 * best['mean']:.0f} %{ceiling}{same}."
