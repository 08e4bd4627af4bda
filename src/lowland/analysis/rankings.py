"""Which ranking finds the harmful bits, and which others a comparison cannot tell from it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lowland.analysis.intervals import t_interval
from lowland.analysis.recipe_means import by_recipe, not_told_apart

CEILING = "truth_elsewhere"  # the map of one half of the rows as a ranking for the other half: what noise leaves


def ranking_verdicts(measurements: pd.DataFrame, *, measure: str = "ranking_recall") -> list[dict[str, Any]]:
    """Which ranking finds the harmful bits best.

    Rankings see the same networks, so they are compared recipe by recipe: one is tied with the best where the 95 %
    t-interval of the paired difference of their recalls over the recipes holds zero, or where there are too few recipes
    for one.

    Args:
        measurements: The long table.
        measure: ``ranking_recall`` (the loss says which flips are worst) or ``ranking_recall_score`` (the score).

    Returns:
        Per task and k (rising): task, ``k``, ``num_recipes``, ``num_cells``, ``rankings``, best first, each with
        ranking, ``mean`` recall and its 95 % t-interval ``low``, ``high`` (None for fewer than two recipes) over
        the recipes (precisions and seeds are averaged inside a recipe first) and ``tied`` (with the best; true for
        itself), and ``ceiling``, a like entry without ``tied`` for the map itself on other rows, which is no ranking
        (None where it was not measured). Rows that are not ``ok`` are left out.
    """
    rows = measurements[(measurements.measure == measure) & (measurements.status == "ok")]
    means = by_recipe(rows, ["task", "level", "condition"])
    found = []
    for (task, level), group in means.groupby(["task", "level"], sort=False):
        cells = rows[(rows.task == task) & (rows.level == level)]
        wide = group.pivot_table(index="recipe", columns="condition", values="value", sort=False)
        names = [str(name) for name in wide.columns if name != CEILING]
        rankings = sorted((_entry(name, wide[name]) for name in names), key=lambda entry: -entry["mean"])
        for entry in rankings:
            best, own = rankings[0]["ranking"], entry["ranking"]
            entry["tied"] = own == best or not_told_apart(list(wide[best] - wide[own]))
        if rankings:
            found.append(
                {
                    "task": str(task),
                    "k": float(level),
                    "num_recipes": int(group.recipe.nunique()),
                    "num_cells": len(cells[["recipe", "seed", "precision"]].drop_duplicates()),
                    "rankings": rankings,
                    "ceiling": _entry(CEILING, wide[CEILING]) if CEILING in wide else None,
                }
            )
    tasks = list(dict.fromkeys(rows.task))
    return sorted(found, key=lambda verdict: (tasks.index(verdict["task"]), verdict["k"]))


def _entry(ranking: str, recalls: pd.Series) -> dict[str, Any]:
    """One ranking's mean recall over the recipes."""
    mean, low, high = (
        None if number != number else number for number in t_interval(list(recalls), ends="zero and one")
    )
    return {"ranking": ranking, "mean": mean, "low": low, "high": high}
