"""Of each row the set of bits whose flip alone changes its answer, held as pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lowland.certification.deployed.upset_words import HitWords
from lowland.errors import LowlandError

MOST_PAIRS = 2**27
"""Pairs of row and bit that are kept: 1.5 GB."""


@dataclass(frozen=True, eq=False)
class UnsafeBits:
    """Which flips change the answer of which rows.

    Attributes:
        hit: The words that are looked at.
        num_rows: Rows that are looked at, the safe ones too.
        numbers: [bits] those that change at least one answer, ascending, as ``hit.bit`` names them.
        rows: [pairs] row of each pair, ascending.
        bits: [pairs] its bit, an index of ``numbers``.
    """

    hit: HitWords
    num_rows: int
    numbers: NDArray[np.int64]
    rows: NDArray[np.int32]
    bits: NDArray[np.int32]

    @property
    def rows_hit(self) -> NDArray[np.int64]:
        """[bits] on how many rows each bit changes the answer."""
        return np.bincount(self.bits, minlength=len(self.numbers))

    def safe_from(self, order: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many bits must be protected, in an order, until each row is safe [rows].

        Args:
            order: Numbers of bits, those that are protected first in front.

        Returns:
            0 for rows that are safe without protection; one more than the order is long for those that never are.
        """
        ranks = np.full(self.hit.num_bits, len(order) + 1, dtype=np.int64)
        ranks[order] = np.arange(1, len(order) + 1)
        needed = np.zeros(self.num_rows, dtype=np.int64)
        np.maximum.at(needed, self.rows, ranks[self.numbers][self.bits])
        return needed


class UnsafeCollector:
    """Gathers pairs block by block."""

    def __init__(self) -> None:
        self._numbers: list[NDArray[np.int64]] = []
        self._rows: list[NDArray[np.int32]] = []
        self._count = 0

    def add(self, numbers: Tensor, changed: Tensor, first_row: int) -> None:
        """Some bits on a block of rows.

        Args:
            numbers: [bits] number of each.
            changed: [bits, rows] whether the answer changes.
            first_row: Number of the block's first row.

        Raises:
            LowlandError: More pairs than ``MOST_PAIRS``.
        """
        bits, rows = changed.nonzero(as_tuple=True)
        self._count += len(bits)
        if self._count > MOST_PAIRS:
            raise LowlandError(
                f"inputs: more than {MOST_PAIRS} pairs of a row and a bit that changes its answer; expected fewer: "
                "give fewer rows"
            )
        self._numbers.append(numbers[bits].numpy())
        self._rows.append((rows + first_row).to(torch.int32).numpy())

    def collected(self, hit: HitWords, num_rows: int) -> UnsafeBits:
        """All pairs, by row.

        Args:
            hit: The words.
            num_rows: Rows that were looked at.
        """
        numbers, bits = np.unique(np.concatenate([np.zeros(0, np.int64), *self._numbers]), return_inverse=True)
        rows = np.concatenate([np.zeros(0, np.int32), *self._rows])
        order = np.lexsort((bits, rows))
        return UnsafeBits(hit, num_rows, numbers, rows[order], bits[order].astype(np.int32))
