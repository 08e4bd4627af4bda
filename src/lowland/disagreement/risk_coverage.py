"""What is risked when only the surest answers are given."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

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
    if not checked.isfinite().all():
        return Estimate.missing("non_finite")
    errors, starts, sizes = _blocks(checked.numpy(), marked.numpy())
    rows = len(checked)
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


def _weights(rows: int) -> NDArray[np.float64]:
    """How often an error at each place counts: H_rows - H_(place - 1)."""
    return (1 / np.arange(1, rows + 1))[::-1].cumsum()[::-1]


def _blocks(
    scores: NDArray[np.float64], marked: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Errors, first place and number of the rows of each score, the surest first."""
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf) != 0)
    errors = np.add.reduceat(marked[order].astype(np.float64), starts)
    return errors, starts, np.diff(starts, append=len(scores))
