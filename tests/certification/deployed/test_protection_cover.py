"""The cheapest protection against trying all choices of rows."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.certification.deployed import cheapest_protection, order_by_rows_hit, protection_order
from lowland.certification.deployed.protection_bound import by_cuts, by_programme
from lowland.certification.deployed.unsafe_items import UnsafeItems
from lowland.certification.deployed.unsafe_pairs import UnsafeBits, UnsafeCollector
from lowland.certification.deployed.upset_words import HitWords, Upsets
from lowland.errors import LowlandError


def unsafe(table: np.ndarray) -> UnsafeBits:
    """Of a table [rows, bits] of what is unsafe."""
    collector = UnsafeCollector()
    numbers = torch.arange(table.shape[1])
    half = len(table) // 2
    collector.add(numbers, torch.tensor(table[:half].T), 0)
    collector.add(numbers, torch.tensor(table[half:].T), half)
    return collector.collected(HitWords(Upsets(), {"0.weight": (table.shape[1], 1)}), len(table))


def cheapest(table: np.ndarray, share: float) -> int:
    kept = math.ceil(share * len(table) - 1e-9)
    return min(int(table[list(rows)].any(0).sum()) for rows in combinations(range(len(table)), kept))


tables = st.builds(
    lambda seed, density: np.random.default_rng(seed).random((9, 25)) < density,
    st.integers(0, 10**6),
    st.floats(0, 0.5),
)


@settings(max_examples=40, deadline=None)
@given(tables, st.sampled_from([0.3, 0.5, 0.7, 0.89, 1.0]))
def test_the_least_of_all_choices_lies_between_bound_and_cover(table: np.ndarray, share: float) -> None:
    found, least = unsafe(table), cheapest(table, share)
    solved = cheapest_protection(found, share)
    assert len(solved) == solved.at_least == least and solved.status == "exact"
    assert (found.safe_from(solved.numbers) <= len(solved)).mean() >= share - 1e-9
    quick = cheapest_protection(found, share, seconds=0)
    assert quick.at_least <= least <= len(quick)
    assert (quick.status == "exact") == (quick.at_least == len(quick))
    assert (found.safe_from(quick.numbers) <= len(quick)).mean() >= share - 1e-9


@settings(max_examples=40, deadline=None)
@given(tables, st.integers(0, 6))
def test_cuts_solve_the_relaxation_of_the_programme(table: np.ndarray, given_up: int) -> None:
    from scipy import optimize

    found = unsafe(table)
    items = UnsafeItems.of(found, np.ones(len(found.numbers), dtype=bool))
    if not items.matrix.nnz:
        return  # all rows are safe: there is nothing to cover
    rows, count = items.matrix.shape
    pairs = items.matrix.tocoo()
    above = np.zeros((pairs.nnz + 1, rows + count))
    above[np.arange(pairs.nnz), pairs.row] = 1
    above[np.arange(pairs.nnz), rows + pairs.col] = -1
    above[-1, :rows] = -1
    limits = np.append(np.zeros(pairs.nnz), given_up - rows)
    relaxed = optimize.linprog(np.append(np.zeros(rows), items.weights), A_ub=above, b_ub=limits, bounds=(0, 1)).fun
    kept, bound = by_cuts(items, given_up, 0)
    assert relaxed - given_up / 64 - 1e-6 <= bound <= relaxed + 1e-6  # prices are multiples of 1/64
    assert kept is not None and int((~kept).sum()) <= given_up and items.cost(kept) >= bound - 1e-6
    solution, proved = by_programme(items, given_up, 10)
    assert solution is not None and items.cost(solution) == pytest.approx(proved, abs=1e-6)
    assert int((~solution).sum()) <= given_up


def test_what_many_rows_need_must_be_protected() -> None:
    """One bit spoils all rows, ten others one row each; half of these rows may be given up."""
    table = np.concatenate([np.ones((10, 1), dtype=bool), np.eye(10, dtype=bool)], 1)
    found = cheapest_protection(unsafe(table), 0.5, seconds=0)
    assert len(found) == 6 and 0 in found.numbers and found.status == "exact"
    assert len(cheapest_protection(unsafe(table[:, 1:]), 0.0001)) == 1
    assert len(cheapest_protection(unsafe(np.zeros((4, 3), dtype=bool)), 1.0)) == 0


@given(tables)
@settings(max_examples=30, deadline=None)
def test_orders_hold_every_unsafe_bit_once_and_make_all_rows_safe(table: np.ndarray) -> None:
    found = unsafe(table)
    for order in (protection_order(found), order_by_rows_hit(found)):
        assert sorted(order) == list(found.numbers) == list(np.flatnonzero(table.any(0)))
        needed = found.safe_from(order)
        for count in range(len(order) + 1):
            protected = np.zeros(table.shape[1], dtype=bool)
            protected[order[:count]] = True
            assert ((needed <= count) == ~(table & ~protected).any(1)).all()
    assert (np.diff(found.rows_hit[np.searchsorted(found.numbers, order_by_rows_hit(found))]) <= 0).all()


def test_rows_of_other_data_may_need_bits_that_no_order_names() -> None:
    known, other = unsafe(np.eye(3, dtype=bool)[:2]), unsafe(np.eye(3, dtype=bool))
    order = protection_order(known)
    assert sorted(order) == [0, 1] and other.safe_from(order)[2] == len(order) + 1


def test_shares_out_of_range() -> None:
    for share in (0.0, 1.5, math.nan):
        with pytest.raises(LowlandError, match=r"share is .*; expected above 0 and at most 1"):
            cheapest_protection(unsafe(np.eye(3, dtype=bool)), share)


def test_too_many_pairs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lowland.certification.deployed.unsafe_pairs.MOST_PAIRS", 2)
    with pytest.raises(LowlandError, match=r"inputs: more than 2 pairs .* give fewer rows"):
        unsafe(np.eye(3, dtype=bool))
