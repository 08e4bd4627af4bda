"""Bits that are unsafe for the same rows as one item, and which rows to give up so that few items are left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from lowland.certification.deployed.unsafe_pairs import UnsafeBits

Ints = NDArray[np.int64]
POWERS = (1.0, 2.0, 4.0)


@dataclass(frozen=True, eq=False)
class UnsafeItems:
    """Bits that are unsafe for the same rows, taken together.

    Attributes:
        matrix: [rows, items] 1 where the item's bits are unsafe for the row.
        weights: [items] number of bits.
        members: [bits] the bits, item by item, as indices of ``numbers``.
    """

    matrix: sparse.csr_matrix
    weights: Ints
    members: Ints

    @classmethod
    def of(cls, unsafe: UnsafeBits, wanted: NDArray[np.bool_]) -> Self:
        """Of the bits that are wanted [bits]."""
        pairs = wanted[unsafe.bits]
        ones = np.ones(int(pairs.sum()), dtype=np.int64)
        shape = unsafe.num_rows, len(unsafe.numbers)
        by_bit = sparse.csr_matrix((ones, (unsafe.rows[pairs], unsafe.bits[pairs])), shape=shape).tocsc()
        by_bit.sort_indices()
        groups: dict[bytes, list[int]] = {}
        for bit in np.flatnonzero(wanted).tolist():
            rows = by_bit.indices[by_bit.indptr[bit] : by_bit.indptr[bit + 1]]
            groups.setdefault(rows.tobytes(), []).append(bit)
        first = np.array([bits[0] for bits in groups.values()], dtype=np.int64)
        weights = np.array([len(bits) for bits in groups.values()], dtype=np.int64)
        members = np.array([bit for bits in groups.values() for bit in bits], dtype=np.int64)
        return cls(by_bit[:, first].tocsr(), weights, members)

    def members_of(self, items: Ints) -> Ints:
        """The bits of some items."""
        ends = self.weights.cumsum()
        parts = [self.members[ends[item] - self.weights[item] : ends[item]] for item in items]
        return np.concatenate([np.zeros(0, np.int64), *parts])

    def needed(self, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The items that the rows which are kept need."""
        return np.asarray(self.matrix.T @ kept.astype(np.int64) > 0)

    def cost(self, kept: NDArray[np.bool_]) -> int:
        """Number of bits of these items."""
        return int(self.weights[self.needed(kept)].sum())

    def bits(self, kept: NDArray[np.bool_]) -> Ints:
        """These bits."""
        return self.members_of(np.flatnonzero(self.needed(kept)))

    def removal(self, count: int, kept: NDArray[np.bool_] | None = None, *, power: float = 1.0) -> list[int]:
        """The rows to give up, one after the other.

        Args:
            count: How many.
            kept: [rows] those that are left; all without it.
            power: How quickly a bit's share of the cost falls with the rows that need it.
        """
        kept = np.ones(self.matrix.shape[0], dtype=bool) if kept is None else kept.copy()
        users = np.asarray(self.matrix.T @ kept.astype(float))
        order = []
        for _ in range(count):
            shares = self.weights / np.maximum(users, 1.0) ** power
            costs = np.where(kept, self.matrix @ shares, -1.0)
            row = int(costs.argmax())
            order.append(row)
            kept[row] = False
            users[self.matrix.indices[self.matrix.indptr[row] : self.matrix.indptr[row + 1]]] -= 1
        return order

    def greedy(self, given_up: int, kept: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
        """The rows to keep [rows]: the best of several ways to share costs.

        Args:
            given_up: Rows that may be.
            kept: [rows] from which on; all without it.
        """
        left = np.ones(self.matrix.shape[0], dtype=bool) if kept is None else kept
        tried = []
        for power in POWERS:
            some = left.copy()
            some[self.removal(given_up - int((~left).sum()), left, power=power)] = False
            tried.append(some)
        return min(tried, key=self.cost)
