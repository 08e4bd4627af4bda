"""How well a number known of each row tells which rows are safe."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lowland.errors import LowlandError


@dataclass(frozen=True, slots=True)
class Ranking:
    """The area under the receiver operating characteristic: how often a safe row has the higher number.

    Attributes:
        auroc: 1: all safe rows lie above all others; 1/2: chance; NaN where all rows are safe, or none.
        lower: Lower end of its interval.
        upper: Upper end.
        num_safe: Safe rows.
        num_unsafe: The others.
    """

    auroc: float
    lower: float
    upper: float
    num_safe: int
    num_unsafe: int


def ranked(numbers: Tensor, safe: Tensor, *, confidence: float = 0.95) -> Ranking:
    r"""How well numbers predict safe rows, such as the margin between the highest outputs (``margins``).

    Nothing is fitted. The interval holds all areas θ with :math:`|\hat θ - θ| \le z \sqrt{V(θ)}`, where V is the
    variance of Hanley and McNeil with equal exponents: it stays between 0 and 1, and has an extent at 1.

    Args:
        numbers: [rows] higher for rows that should be safe.
        safe: [rows] bool.
        confidence: Above 0, below 1.

    Raises:
        LowlandError: Numbers that are not one a row, or not finite.

    Source:
        Newcombe, Statistics in Medicine 25 (2006) 559, method 5.
    """
    if numbers.shape != safe.shape or numbers.ndim != 1 or not bool(numbers.isfinite().all()):
        raise LowlandError(
            f"numbers have shape {tuple(numbers.shape)} for {tuple(safe.shape)} rows; expected one finite number a row"
        )
    from scipy import stats  # takes a second: only where an interval is computed

    held: NDArray[np.bool_] = safe.numpy()
    num_safe, num_unsafe = int(held.sum()), int((~held).sum())
    if not num_safe or not num_unsafe:
        return Ranking(math.nan, math.nan, math.nan, num_safe, num_unsafe)
    ranks = stats.rankdata(numbers.double().numpy())
    area = float((ranks[held].sum() - num_safe * (num_safe + 1) / 2) / (num_safe * num_unsafe))
    z = float(stats.norm.ppf(0.5 + confidence / 2))
    lower, upper = (_end(area, z, num_safe, num_unsafe, toward) for toward in (0.0, 1.0))
    return Ranking(area, lower, upper, num_safe, num_unsafe)


def _end(area: float, z: float, num_safe: int, num_unsafe: int, toward: float) -> float:
    """The farthest area in one direction that is not refused, by bisection."""

    def spread(theta: float) -> float:
        mean = (num_safe + num_unsafe) / 2 - 1
        shared = mean * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return math.sqrt(theta * (1 - theta) * (1 + shared) / (num_safe * num_unsafe))

    inside, outside = area, toward
    for _ in range(60):
        middle = (inside + outside) / 2
        if abs(area - middle) <= z * spread(middle):
            inside = middle
        else:
            outside = middle
    return inside if abs(inside - toward) > 1e-12 else toward
