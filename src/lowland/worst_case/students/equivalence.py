"""Whether two networks are right equally often on the same rows, to within a margin."""

from __future__ import annotations

import math
from statistics import NormalDist

from torch import Tensor

from lowland.errors import LowlandError
from lowland.estimate import Estimate

POINT = 0.01


def equivalence_of_shares(first: Tensor, second: Tensor, *, margin: float = POINT) -> Estimate:
    """P value of two one-sided tests on paired shares: small where these surely differ by less than the margin.

    Args:
        first: Whether one network is right, of every row [rows].
        second: Whether the other is, of the same rows [rows].
        margin: The largest difference that does not matter, above 0 and below 1.

    Returns:
        The larger of the two p values; ``undefined`` for no rows.

    Raises:
        LowlandError: Other rows, or a margin that is none.
    """
    if first.shape != second.shape or first.ndim != 1:
        raise LowlandError(f"values have shapes {list(first.shape)} and {list(second.shape)}; expected the same [rows]")
    if not 0 < margin < 1:
        raise LowlandError(f"margin is {margin}; expected a number above 0 and below 1")
    if not len(first):
        return Estimate.missing("undefined")
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    return Estimate(equivalence_p(only_first, only_second, len(first), margin=margin), 0.0, len(first))


def equivalence_p(only_first: float, only_second: float, rows: int, *, margin: float = POINT) -> float:
    r"""The same of the numbers of rows on which one network alone is right.

    With b and c these numbers, n all rows and Δ the margin, the test of a difference below Δ has the score
    :math:`z = (b - c - n\Delta) / \sqrt{n (2q + \Delta - \Delta^2)}`, where q is the likeliest share of c were the
    difference Δ: the positive root of :math:`2nq^2 + (-b-c+(2n-b+c)\Delta)\,q - c\Delta(1-\Delta) = 0`. The other test
    exchanges b and c. A t-test takes its spread from the rows that differ: where these are few, or none, it is far too
    sure, as if what was not seen in some hundred rows could not be.

    Args:
        only_first: b, at least 0.
        only_second: c, at least 0.
        rows: n.
        margin: Δ.

    Source:
        Tango 1998, Statistics in Medicine 17, 891; two one-sided tests: Schuirmann 1987, Journal of Pharmacokinetics
        and Biopharmaceutics 15, 657.
    """
    return max(_below(only_first, only_second, rows, margin), _below(only_second, only_first, rows, margin))


def _below(more: float, less: float, rows: int, margin: float) -> float:
    linear = -more - less + (2 * rows - more + less) * margin
    root = math.sqrt(linear**2 + 8 * rows * less * margin * (1 - margin))
    likeliest = (root - linear) / (4 * rows)
    spread = math.sqrt(rows * (2 * likeliest + margin - margin**2))
    return NormalDist().cdf((more - less - rows * margin) / spread)
