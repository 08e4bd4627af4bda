"""Means over recipes, each of which speaks once, with t-intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from lowland.analysis.intervals import Ends, bounded_interval


def t_interval(values: Sequence[float], *, confidence: float = 0.95, ends: Ends = "none") -> tuple[float, float, float]:
    """Mean, lower and upper end over independent values; without ends (NaN) for fewer than two.

    Args:
        values: One per recipe; those that are no numbers are passed over.
        confidence: Between 0 and 1.
        ends: Where the values end; the interval is bent so that it ends there, too.
    """
    numbers = np.asarray(values, dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return (float("nan"),) * 3
    mean = float(numbers.mean())
    if len(numbers) < 2:
        return mean, float("nan"), float("nan")
    half = float(stats.t.ppf(0.5 + confidence / 2, len(numbers) - 1) * numbers.std(ddof=1) / np.sqrt(len(numbers)))
    low, high = bounded_interval(pd.Series([mean]), pd.Series([half]), ends=ends)
    return mean, float(low.iloc[0]), float(high.iloc[0])


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
