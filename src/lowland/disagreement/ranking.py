"""Rows in the order of a score: sorted once, whatever is then asked of the same rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Rows by ascending score, in blocks of equal scores.

    Attributes:
        order: Numbers of the rows [rows], the lowest score first; of equal scores in any order.
        starts: First place of every block [blocks].
        sizes: Rows of every block [blocks].
        is_finite: Whether all scores are; without it there are no blocks.
    """

    order: Indices
    starts: Indices
    sizes: Indices
    is_finite: bool

    @classmethod
    def of(cls, scores: Tensor) -> Ranking:
        """The ranking of scores [rows] in float64, at least one."""
        values = scores.numpy()
        if not np.isfinite(values).all():
            none = np.empty(0, np.int64)
            return cls(none, none, none, is_finite=False)
        order = np.argsort(values)  # not stable, and faster: of equal scores nobody asks for the order
        ordered = values[order]
        starts = np.flatnonzero(np.diff(ordered, prepend=-np.inf) != 0)
        return cls(order, starts, np.diff(starts, append=len(values)), is_finite=True)

    def counts(self, marked: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Marked rows in every block [blocks]."""
        return np.add.reduceat(marked[self.order].astype(np.float64), self.starts)

    def of_rows(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Numbers of blocks [blocks] as numbers of their rows [rows]."""
        found = np.empty(len(self.order))
        found[self.order] = np.repeat(values, self.sizes)
        return found
