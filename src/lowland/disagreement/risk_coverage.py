"""What is risked when only the surest answers are given."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lowland.disagreement.ranking import Ranking
from lowland.disagreement.rows import checked_scores
from lowland.estimate import Estimate


def risk_coverage_area(scores: Tensor, wrong: Tensor) -> Estimate:
    r"""Mean over all coverages of the share of wrong answers among the surest (AURC).

    With :math:`e_j` the errors in the order of the scores and :math:`H` harmonic numbers,
    :math:`\frac1n \sum_j e_j (H_n - H_{j-1})`; equal scores share their errors.

    Args:
        scores: [rows], higher where the network is less sure.
        wrong: Which answers are wrong, or disagree with a reference [rows].

    Returns:
        Between 0 and 1, with its jackknife error over rows; ``non_finite`` where a score is not finite.

    Raises:
        LowlandError: Other forms.

    Source:
        El-Yaniv and Wiener, JMLR 11 (2010) 1605; area: Geifman et al., ICLR 2019, section 3; jackknife: Efron
        and Stein, Ann. Statist. 9 (1981) 586.
    """
    checked, marked = checked_scores(scores, wrong, "wrong")
    return ranked_area(Ranking.of(checked), marked.numpy())


def ranked_area(ranking: Ranking, wrong: NDArray[np.bool_]) -> Estimate:
    """``risk_coverage_area`` of rows that are ranked already.

    Args:
        ranking: By ascending uncertainty.
        wrong: Which answers are wrong [rows].
    """
    if not ranking.is_finite:
        return Estimate.missing("non_finite")
    errors, starts, sizes = ranking.counts(wrong), ranking.starts, ranking.sizes
    rows = len(wrong)
    if rows < 2:
        return Estimate(float(errors.sum()), math.nan, rows, "undefined")
    shares = errors / sizes
    value = float(shares @ np.add.reduceat(_weights(rows), starts)) / rows
    # Without one row of a block: blocks before keep their places among rows - 1, later ones move up by one place.
    fewer = np.append(_weights(rows - 1), 0.0)
    moved = np.append(0.0, fewer[:-1])
    stays, moves = shares * np.add.reduceat(fewer, starts), shares * np.add.reduceat(moved, starts)
    others = np.append(0.0, stays.cumsum()[:-1]) + np.append(moves[::-1].cumsum()[::-1][1:], 0.0)
    own = np.add.reduceat(fewer, starts) - fewer[starts + sizes - 1]
    left = np.maximum(sizes - 1, 1)
    without = [(others + (errors - one) / left * own) / (rows - 1) for one in (0.0, 1.0)]
    weights = [sizes - errors, errors]
    mean = sum(weight @ each for weight, each in zip(weights, without, strict=True)) / rows
    spread = sum(weight @ np.square(each - mean) for weight, each in zip(weights, without, strict=True))
    return Estimate(value, math.sqrt((rows - 1) / rows * spread), rows)


@lru_cache(maxsize=16)
def _weights(rows: int) -> NDArray[np.float64]:
    """How often an error at each place counts: H_rows - H_(place - 1)."""
    found: NDArray[np.float64] = (1 / np.arange(1, rows + 1))[::-1].cumsum()[::-1]
    found.setflags(write=False)  # all who ask are given the same
    return found
