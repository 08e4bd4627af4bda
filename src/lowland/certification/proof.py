"""Finds proofs that can be stored and checked by others: a tree of signs, and at every leaf multipliers of its rows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

from lowland.certification.encoding.lines import Line, chords, lines_of
from lowland.certification.encoding.scalar_network import (
    Numbers,
    Places,
    PositiveParts,
    ScalarNetwork,
    Sums,
    block_places,
    highest_range,
    ranges,
)

_ROOM = 1e-9
"""How far a leaf's bound stays below the claim, so that it still is in rational numbers."""
_PENALTIES = (1e3, 1e6, 1e9)
"""Of violated rows, where there are no values at all: multipliers that show it."""

Rows = list[tuple[str, Places, Numbers, Numbers]]
"""Rows A v <= r by name: places of the values that they are of, A [rows, values], r [rows]."""


@dataclass(frozen=True, eq=False)
class Proof:
    """That a sum of values of a scalar network is nowhere above a bound.

    Attributes:
        stored: Plain numbers and names, as JSON holds them; what ``check_proof`` reads.
        leaves: How many branches it has.
    """

    stored: dict[str, Any]
    leaves: int


def prove_at_most(
    network: ScalarNetwork, places: Places, factors: Numbers, bound: float, *, timeout: float | None = None
) -> Proof | None:
    """A proof by branch and bound that a sum of values is at most a bound.

    Branches fix the sign of a value, or of the greatest that a sum can be, where the linear relaxation is furthest from
    the network; leaves keep the multipliers of their linear programme.

    Args:
        network: The values.
        places: Of those that are summed.
        factors: Of each.
        bound: The claim.
        timeout: Seconds; ``None``: no limit.

    Returns:
        ``None`` where time runs out, or where no branching brings the bound down: the claim is false, or too close.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    costs = np.zeros(len(network.lower))
    np.add.at(costs, places, factors)
    search = _Search(network, costs, bound, deadline)
    tree = search.tree({})
    if tree is None:
        return None
    claim = {"terms": [[int(place), float(costs[place])] for place in np.flatnonzero(costs)], "bound": float(bound)}
    return Proof({"claim": claim, "values": stored_values(network), "tree": tree}, search.leaves)


def stored_values(network: ScalarNetwork) -> list[dict[str, Any]]:
    """All values in order, as a proof stores them.

    Args:
        network: The values.
    """
    values: list[dict[str, Any]] = [
        {"kind": "input", "lower": float(low), "upper": float(high)}
        for low, high in zip(network.lower, network.upper, strict=True)
    ]
    for block in network.blocks:
        for index, place in enumerate(block_places(block).tolist()):
            if isinstance(block, PositiveParts):
                values[place] = {"kind": "part", "of": int(block.sources[index])}
                continue
            radii = np.zeros_like(block.weights) if block.radii is None else block.radii
            summands = zip(block.sources.tolist(), block.weights[index].tolist(), radii[index].tolist(), strict=True)
            values[place] = {
                "kind": "sum",
                "terms": [[source, weight, radius] for source, weight, radius in summands if weight or radius],
                "bias": float(block.biases[index]),
                "radius": float(block.bias_radii[index]),
                "positive": block.positive,
            }
    return values


class _Search:
    """Branch and bound; depth first, the branch of the relaxation's own sign first."""

    def __init__(self, network: ScalarNetwork, costs: Numbers, bound: float, deadline: float | None) -> None:
        self.network, self.costs, self.bound, self.deadline = network, costs, bound, deadline
        self.leaves = 0
        made = np.concatenate([np.zeros(0, dtype=np.intp), *(block_places(block) for block in network.blocks)])
        # As the checker, which knows the ends of inputs alone.
        self._first = network.lower.copy(), network.upper.copy()
        self._first[0][made], self._first[1][made] = -np.inf, np.inf
        self._positive_sums = {
            place
            for block in network.blocks
            if isinstance(block, Sums) and block.positive
            for place in block_places(block).tolist()
        }

    def tree(self, signs: dict[int, int]) -> dict[str, Any] | None:
        """A subtree that proves the claim where some signs are known."""
        if self.deadline is not None and time.monotonic() > self.deadline:
            return None
        lower, upper = self._ends(signs)
        if bool((lower > upper + 1e-9).any()):
            self.leaves += 1
            return {"multipliers": []}
        upper = np.maximum(lower, upper)
        rows = list(leaf_rows(self.network, lower, upper, signs))
        solution = _relaxed(rows, self.costs, lower, upper, self.bound)
        if solution is None:
            return None
        bound, multipliers, values = solution
        if bound <= self.bound - _ROOM * (1 + abs(self.bound)):
            self.leaves += 1
            return {"multipliers": multipliers}
        place = None if values is None else self._furthest(values, lower, upper, signs)
        if place is None:
            return None
        branches: dict[str, Any] = {"split": place}
        for name, sign in (("negative", -1), ("positive", 1)):
            branch = self.tree(signs | {place: sign})
            if branch is None:
                return None
            branches[name] = branch
        return branches

    def _ends(self, signs: dict[int, int]) -> tuple[Numbers, Numbers]:
        lower, upper = self._first[0].copy(), self._first[1].copy()
        for place, sign in signs.items():
            if place in self._positive_sums:
                upper[place] = 0.0 if sign < 0 else upper[place]
            elif sign > 0:
                lower[place] = max(lower[place], 0.0)
            else:
                upper[place] = min(upper[place], 0.0)
        return ranges(self.network, lower, upper)

    def _furthest(self, values: Numbers, lower: Numbers, upper: Numbers, signs: dict[int, int]) -> int | None:
        """Where the relaxation is furthest from the network, among signs that are not known."""
        gaps: dict[int, float] = {}
        for block in self.network.blocks:
            places, sources = block_places(block), block.sources
            if isinstance(block, PositiveParts):
                above = np.abs(values[places] - values[sources].clip(min=0.0))
                split = (lower[sources] < 0) & (upper[sources] > 0)
                for source, gap in zip(sources[split].tolist(), above[split].tolist(), strict=True):
                    gaps[source] = max(gaps.get(source, 0.0), gap)
                continue
            if block.radii is not None:
                split = (lower[sources] < 0) & (upper[sources] > 0) & block.radii.any(axis=0)
                low, high, own = lower[sources][split], upper[sources][split], values[sources][split]
                chord = ((high + low) * own - 2 * high * low) / (high - low) - np.abs(own)
                chord = chord * block.radii[:, split].sum(axis=0)
                for source, gap in zip(sources[split].tolist(), chord.tolist(), strict=True):
                    gaps[source] = gaps.get(source, 0.0) + gap
            if block.positive:
                radii = 0.0 if block.radii is None else block.radii @ np.abs(values[sources])
                greatest = block.weights @ values[sources] + radii + block.biases + block.bias_radii
                least, most = highest_range(block, lower, upper)
                split = (least < 0) & (most > 0)
                above = values[places] - greatest.clip(min=0.0)
                for place, gap in zip(places[split].tolist(), above[split].tolist(), strict=True):
                    gaps[place] = gap
        gaps = {place: gap for place, gap in gaps.items() if place not in signs}
        if not gaps:
            return None
        place = max(gaps, key=lambda place: gaps[place])
        return place if gaps[place] > 1e-12 else None


def leaf_rows(
    network: ScalarNetwork, lower: Numbers, upper: Numbers, signs: dict[int, int]
) -> Iterator[tuple[str, Places, Numbers, Numbers]]:
    """The rows of the linear relaxation where some signs are known; names and rows are those of the checker.

    Args:
        network: The values.
        lower: Their lower ends.
        upper: Their upper ends.
        signs: Known ones, by place.
    """
    for block in network.blocks:
        places, count = block_places(block), len(lower)
        own = np.zeros((len(places), count))
        own[np.arange(len(places)), places] = 1.0
        if isinstance(block, PositiveParts):
            of = np.zeros((len(places), count))
            of[np.arange(len(places)), block.sources] = 1.0
            low, high = lower[block.sources], upper[block.sources]
            yield "above", places, of - own, np.zeros(len(places))
            yield "below", places, *_below_chords(own, (of, np.zeros(len(places))), low, high)
            continue
        above, below, beneath = lines_of(block, lower, upper)
        yield "above", places, below[0] - own, -below[1]
        if not block.positive:
            yield "below", places, own - above[0], above[1]
            continue
        known = np.array([signs.get(place, 0) for place in places.tolist()])
        least, most = highest_range(block, lower, upper)
        matrix, right = _below_chords(own, above, np.where(known > 0, 0.0, least), most)
        opened = known >= 0
        yield "below", places[opened], matrix[opened], right[opened]
        plus, minus = known > 0, known < 0
        yield "sign", places[plus], -above[0][plus], above[1][plus]
        yield "sign", places[minus], beneath[0][minus], -beneath[1][minus]


def _below_chords(own: Numbers, line: Line, low: Numbers, high: Numbers) -> tuple[Numbers, Numbers]:
    """Rows own <= what is above the positive part of a line that lies between two ends."""
    slopes, constants = chords(low, high)
    return own - slopes[:, None] * line[0], slopes * line[1] + constants


def _relaxed(
    rows: Rows, costs: Numbers, lower: Numbers, upper: Numbers, bound: float
) -> tuple[float, list[list[Any]], Numbers | None] | None:
    """The bound of a linear relaxation by its multipliers, these, and its solution if there is one."""
    names = [(name, place) for name, places, _, _ in rows for place in places.tolist()]
    matrix = csr_array(np.concatenate([matrix for _, _, matrix, _ in rows]))
    right = np.concatenate([right for *_, right in rows])
    ends = np.stack([lower, upper], axis=1)
    result = linprog(-costs, A_ub=matrix, b_ub=right, bounds=ends, method="highs-ds")
    if result.status == 0:
        best, factors = _dual_bound(-result.ineqlin.marginals, matrix, right, costs, lower, upper)
        return best, _stored(names, factors), result.x
    # No values at all: rows may be violated at a price, and the price becomes the multipliers.
    relaxed = csr_array(np.concatenate([matrix.toarray(), -np.ones((len(right), 1))], axis=1))
    for penalty in _PENALTIES:
        result = linprog(
            np.append(-costs, penalty), A_ub=relaxed, b_ub=right, bounds=np.append(ends, [[0.0, np.inf]], axis=0)
        )
        if result.status != 0:
            return None
        best, factors = _dual_bound(-result.ineqlin.marginals, matrix, right, costs, lower, upper)
        if best <= bound - _ROOM * (1 + abs(bound)):
            return best, _stored(names, factors), None
    return None


def _stored(names: list[tuple[str, int]], factors: Numbers) -> list[list[Any]]:
    return [[*name, float(factor)] for name, factor in zip(names, factors, strict=True) if factor > 0]


def _dual_bound(
    multipliers: Numbers, matrix: csr_array, right: Numbers, costs: Numbers, lower: Numbers, upper: Numbers
) -> tuple[float, Numbers]:
    factors = multipliers.clip(min=0.0)
    rest = costs - matrix.T @ factors
    return float(factors @ right + np.maximum(rest * lower, rest * upper).sum()), factors
