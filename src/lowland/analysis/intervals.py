"""Intervals that stay where the quantity can be: between 0 and 1 for shares, above 0 for errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Ends = Literal["none", "zero", "zero and one"]
"""Where a quantity ends: nowhere, an error at 0, a share at 0 and at 1."""


def bounded_interval(mean: pd.Series, half: pd.Series, *, ends: Ends, own: float = 0.0) -> tuple[pd.Series, pd.Series]:
    """The interval around a mean, bent so that it ends where the quantity does.

    The plain interval holds all values π with |mean - π| ≤ half, as if the spread were the same wherever π lies. Near
    an end there is less room to spread: here the squared half grows in proportion to π(1 - π) for a share, and to π
    for an error. Solving (mean - π)² = A·π(1 - π), with A = half²/(mean(1 - mean)) + own, gives Wilson's interval with
    A in the place of z²/n; (mean - π)² = A·π with A = half²/mean gives its like for errors. Both agree with the plain
    interval where half is small, both are never empty, and with all values equal to 1 the test rows alone (``own``)
    say how far below 1 the truth may lie.

    Args:
        mean: One per configuration.
        half: Half of the plain interval, same unit; NaN where unknown.
        ends: Of the quantity; without any the interval is the plain one.
        own: z²/n, for a share of n test rows whose sampling error is not in ``half``; ignored for others.

    Returns:
        Lower and upper ends; NaN where the half is.
    """
    if ends == "none":
        return mean - half, mean + half
    if ends == "zero and one":
        p = mean.clip(0, 1)
        room = p * (1 - p)
        a = (half**2 / room).where(room > 0, 0 * half) + own
        centre, reach = p + a / 2, np.sqrt(a * room + a**2 / 4)
        low, high = (centre - reach) / (1 + a), (centre + reach) / (1 + a)
        return low.clip(lower=0.0), high.clip(upper=1.0)
    a = (half**2 / mean).where(mean > 0, 0 * half)
    centre, reach = mean + a / 2, np.sqrt(a * mean + a**2 / 4)
    return (centre - reach).clip(lower=0.0), centre + reach


def normal_quantile(confidence: float) -> float:
    """Z of a two-sided interval."""
    from scipy import stats  # takes a second: only where an interval is computed

    return float(stats.norm.ppf(0.5 + confidence / 2))


def t_quantile(confidence: float, freedom: ArrayLike) -> NDArray[np.float64]:
    """Student's t of a two-sided interval.

    Args:
        confidence: Between 0 and 1.
        freedom: Degrees of freedom, one or many.

    Returns:
        As many; NaN for less than one degree of freedom.
    """
    from scipy import stats  # takes a second: only where an interval is computed

    known = np.asarray(freedom, dtype=float)
    return np.asarray(stats.t.ppf(0.5 + confidence / 2, np.where(known >= 1, known, np.nan)))


def t_interval(values: Sequence[float], *, confidence: float = 0.95, ends: Ends = "none") -> tuple[float, float, float]:
    """Mean, lower and upper end over independent values; without ends (NaN) for fewer than two.

    Args:
        values: Independent of each other; those that are no numbers are passed over.
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
    half = float(t_quantile(confidence, len(numbers) - 1) * numbers.std(ddof=1) / np.sqrt(len(numbers)))
    low, high = bounded_interval(pd.Series([mean]), pd.Series([half]), ends=ends)
    return mean, float(low.iloc[0]), float(high.iloc[0])
