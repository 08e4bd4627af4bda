"""The fewest bits to triplicate so that a share of the rows is safe: by a greedy cover, cuts and a programme."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lowland.certification.deployed.protection_bound import by_cuts, by_programme
from lowland.certification.deployed.unsafe_items import Ints, UnsafeItems
from lowland.certification.deployed.unsafe_pairs import UnsafeBits
from lowland.errors import LowlandError

SECONDS = 10.0
SLACK = 1e-6  # of a bound: costs are whole numbers


@dataclass(frozen=True, eq=False)
class Protection:
    """Bits whose triplication makes a share of the rows safe.

    A row is safe once *all* its unsafe bits are protected: which rows to give up is part of the question (a minimum
    union of k sets, which is NP-hard).

    Attributes:
        share: Of all rows that are to be safe.
        numbers: The bits, ascending, as ``hit.bit`` names them: the best set found.
        at_least: No set of fewer bits does.
        status: ``exact`` if no smaller set exists, ``timeout`` if the programme was stopped before that was known.
    """

    share: float
    numbers: Ints
    at_least: int
    status: Literal["exact", "timeout"]

    def __len__(self) -> int:
        return len(self.numbers)


def cheapest_protection(unsafe: UnsafeBits, share: float, *, seconds: float = SECONDS) -> Protection:
    r"""The fewest bits to protect so that a share of these rows is safe.

    A bit that is unsafe for more rows than may be given up must be protected. Of the others, those that are unsafe for
    the same rows are one item with a weight :math:`w_j`, and the programme is :math:`\min \sum_j w_j y_j` with
    :math:`y_j \ge x_r` for each pair and :math:`\sum_r (1 - x_r)` at most the rows that may be given up, x being 0 or
    1. Its relaxation is solved by minimum cuts; then the programme itself, whose bound holds whenever it is stopped.

    Args:
        unsafe: Of each row all bits that are unsafe for it.
        share: Above 0, at most 1.
        seconds: Given to the programme; 0 leaves it out.

    Raises:
        LowlandError: A share out of range.
    """
    if not 0 < share <= 1:
        raise LowlandError(f"share is {share}; expected above 0 and at most 1, such as 0.95")
    given_up = unsafe.num_rows - math.ceil(share * unsafe.num_rows - 1e-9)
    forced = unsafe.rows_hit > given_up
    items = UnsafeItems.of(unsafe, ~forced)
    kept, least = items.greedy(given_up), 0.0
    if items.matrix.nnz:
        for bound in (by_cuts, by_programme)[: 2 if seconds > 0 else 1]:
            if math.ceil(least - SLACK) < items.cost(kept):
                found, proved = bound(items, given_up, seconds)
                least = max(least, proved)
                found = items.greedy(given_up, found)
                kept = min(kept, found, key=items.cost)
    found_cost = items.cost(kept)
    proved_cost = min(found_cost, math.ceil(least - SLACK))
    chosen = np.concatenate([np.flatnonzero(forced), items.bits(kept)])
    status: Literal["exact", "timeout"] = "exact" if proved_cost == found_cost else "timeout"
    return Protection(share, np.sort(unsafe.numbers[chosen]), int(forced.sum()) + proved_cost, status)


def protection_order(unsafe: UnsafeBits) -> Ints:
    """Numbers of all bits that are unsafe for some row, those first that make rows safe with the fewest bits.

    Rows are given up one after the other, the most costly first (each of its bits costs one, shared among the rows that
    are left and need it); the order is that of the bits that the rows need, from the last row back.
    """
    items = UnsafeItems.of(unsafe, np.ones(len(unsafe.numbers), dtype=bool))
    protected = np.zeros(len(items.weights), dtype=bool)
    order = []
    for row in reversed(items.removal(unsafe.num_rows)):
        own = items.matrix.indices[items.matrix.indptr[row] : items.matrix.indptr[row + 1]]
        fresh = own[~protected[own]]
        protected[fresh] = True
        order.append(items.members_of(fresh))
    return unsafe.numbers[np.concatenate([np.zeros(0, np.int64), *order])]


def order_by_rows_hit(unsafe: UnsafeBits) -> Ints:
    """Numbers of all bits that are unsafe for some row, those of most rows first."""
    return unsafe.numbers[np.argsort(-unsafe.rows_hit, kind="stable")]
