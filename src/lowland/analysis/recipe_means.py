"""Means over recipes, each of which counts once, and whether two differ."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from lowland.analysis.intervals import t_interval


def not_told_apart(differences: Sequence[float]) -> bool:
    """Whether the 95 % t-interval of paired differences holds zero, or there are too few for one."""
    _, low, high = t_interval(differences)
    return not (low > 0 or high < 0)


def by_recipe(rows: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The mean ``value`` of every recipe: seeds are averaged inside a precision, then precisions inside the recipe.

    Args:
        rows: Of the long table, ``ok`` ones only.
        keys: What is told apart, besides the recipe.
    """
    precise = rows.groupby([*keys, "recipe", "precision"], sort=False)["value"].mean().reset_index()
    return precise.groupby([*dict.fromkeys([*keys, "recipe"])], sort=False)["value"].mean().reset_index()
