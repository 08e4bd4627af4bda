"""Disjoint sets between which no group of rows is divided: by class where groups are small, else as groups allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import wraps
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from lowland.randomness import generator
from lowland.tasks.splits import OF_SINGLE_ROWS, OF_THE_REST

Rows = dict[str, NDArray[np.int64]]
"""Row numbers by set."""


class _Split(Protocol):
    def __call__(
        self,
        tied: NDArray[np.int64],
        labels: NDArray[np.int64],
        sizes: Mapping[str, int],
        *,
        key: Sequence[str | int],
    ) -> Rows: ...


def _and_of_the_rest(split: _Split) -> _Split:
    """The same, with the sets of ``OF_THE_REST`` drawn one after the other from the groups that the others leave.

    Of ``OF_SINGLE_ROWS`` one row of each group is kept, drawn by key.
    """

    @wraps(split)
    def both(
        tied: NDArray[np.int64],
        labels: NDArray[np.int64],
        sizes: Mapping[str, int],
        *,
        key: Sequence[str | int],
    ) -> Rows:
        first = {name: size for name, size in sizes.items() if name not in OF_THE_REST}
        chosen = split(tied, labels, first, key=key) if first else {}
        thinned: Rows = {}
        for name in (each for each in OF_THE_REST if each in sizes):
            taken = np.concatenate([np.empty(0, np.int64), *chosen.values()])
            left = np.flatnonzero(~np.isin(tied, tied[taken]))
            groups = np.unique(tied[left], return_inverse=True)[1]
            found = split(groups, labels[left], {name: sizes[name]}, key=(*key, name)) if len(left) else {name: left}
            rows = chosen[name] = left[found[name]] if len(left) else left
            if name in OF_SINGLE_ROWS:  # they stand in random order: the first of a group is a row drawn from it
                thinned[name] = rows[np.sort(np.unique(tied[rows], return_index=True)[1])]
        return chosen | thinned

    return both


@_and_of_the_rest
def stratified_split(
    tied: NDArray[np.int64], labels: NDArray[np.int64], sizes: Mapping[str, int], *, key: Sequence[str | int]
) -> Rows:
    """Row numbers of disjoint sets that keep the class shares and divide no group, where groups are small: duplicates.

    A group goes to one set as a whole, whatever its labels, so a set can miss its size by the size of a group. Each
    class fills the sets in order, in proportion to ``sizes``; where the table has fewer rows than asked for, all sets
    shrink in proportion. Those of ``OF_THE_REST`` get what the others leave, as far as it goes.

    Args:
        tied: [n], a number for each row's group, from 0 without gaps (``tied_rows``).
        labels: [n], class numbers; a group counts as the class of its first row.
        sizes: Rows wanted per set, in the order in which sets are filled.
        key: Keys the order in which rows are drawn.

    Returns:
        Row numbers by set name, in random order: the first rows of a set are a fair sample of it.
    """
    order = torch.randperm(int(tied.max()) + 1, generator=generator(*key, "split")).numpy()
    members = np.split(np.argsort(tied, kind="stable"), np.cumsum(np.bincount(tied))[:-1])
    group_label = np.array([labels[rows[0]] for rows in members])
    shrink = min(1.0, len(labels) / sum(sizes.values()))
    chosen: dict[str, list[NDArray[np.int64]]] = {name: [] for name in sizes}
    for label in np.unique(labels):
        groups = [members[g] for g in order if group_label[g] == label]
        filled = np.cumsum([len(rows) for rows in groups])
        share = sum(len(rows) for rows in groups) / len(labels)
        bounds = np.round(np.cumsum([size * share * shrink for size in sizes.values()]))
        which = np.searchsorted(bounds, filled, side="left")
        for name, position in zip(sizes, range(len(sizes)), strict=True):
            chosen[name] += [rows for rows, p in zip(groups, which, strict=True) if p == position]
    return _in_random_order(chosen, key=key)


@_and_of_the_rest
def grouped_split(
    tied: NDArray[np.int64], labels: NDArray[np.int64], sizes: Mapping[str, int], *, key: Sequence[str | int]
) -> Rows:
    """Row numbers of disjoint sets between which no group is divided, with the class shares that groups allow.

    The groups, the largest first, each go to the set where Σ (rows − wanted)²/wanted over sets and classes then is
    least; the last ones go to the sets that have none yet. Where the table has fewer rows than asked for, all sets
    shrink in proportion; where it has more, the rest is left out, or goes to the sets of ``OF_THE_REST``.

    Args:
        tied: [n], a number for each row's group, from 0 without gaps.
        labels: [n], class numbers from 0; a group may hold several classes.
        sizes: Rows wanted per set.
        key: Keys the order of groups of equal size, and of rows in a set.

    Returns:
        Row numbers by set name, in random order: the first rows of a set are a fair sample of it. Every set gets a
        group where there are as many groups as sets.
    """
    total, asked = len(labels), sum(sizes.values())
    wanted_rows = [size * min(1.0, total / asked) for size in sizes.values()]
    names: list[str | None] = [*sizes]
    if total > asked:
        wanted_rows.append(total - asked)
        names.append(None)
    counts = np.zeros((int(tied.max()) + 1, int(labels.max()) + 1))
    np.add.at(counts, (tied, labels), 1)
    wanted = np.outer(wanted_rows, counts.sum(axis=0) / total)
    weights = np.divide(1.0, wanted, out=np.zeros_like(wanted), where=wanted > 0)
    filled, goes_to = np.zeros_like(wanted), np.empty(len(counts), int)
    drawn = torch.randperm(len(counts), generator=generator(*key, "split")).numpy()
    empty = np.array([name is not None for name in names])
    for left, group in zip(
        range(len(drawn), 0, -1), drawn[np.argsort(-counts.sum(axis=1)[drawn], kind="stable")], strict=True
    ):
        rows = counts[group]
        cost = (rows * (rows + 2 * (filled - wanted)) * weights).sum(axis=1)
        goes_to[group] = np.argmin(np.where(empty, cost, np.inf) if left <= empty.sum() else cost)
        empty[goes_to[group]] = False
        filled[goes_to[group]] += rows
    where = goes_to[tied]
    chosen = {name: [np.flatnonzero(where == place)] for place, name in enumerate(names) if name is not None}
    return _in_random_order(chosen, key=key)


def _in_random_order(chosen: Mapping[str, Sequence[NDArray[np.int64]]], *, key: Sequence[str | int]) -> Rows:
    """The row numbers of every set in an order that the key draws: the first rows of a set are a fair sample of it."""
    drawn = {name: np.sort(np.concatenate(rows)) if rows else np.empty(0, int) for name, rows in chosen.items()}
    return {
        name: rows[torch.randperm(len(rows), generator=generator(*key, "order", name)).numpy()]
        for name, rows in drawn.items()
    }
