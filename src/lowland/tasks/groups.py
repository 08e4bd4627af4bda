"""Rows that belong together go to one set as a whole: groups, duplicates, and the rows that come last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lowland.randomness import generator
from lowland.tasks.tables import in_random_order


def tied_rows(features: NDArray[np.floating], groups: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Which rows must stay together, because they share a group or all their features, directly or through others.

    Args:
        features: [n, features]; NaN equals NaN.
        groups: [n], a number for each row's group; None: duplicates alone tie rows.

    Returns:
        [n], a number from 0 for each row's connected component.
    """
    gaps = np.isnan(features)
    comparable = np.hstack([np.where(gaps, 0, features), gaps]) if gaps.any() else features
    same = np.unique(comparable, axis=0, return_inverse=True)[1].reshape(-1)
    if groups is None:
        return same.astype(np.int64)
    names = np.unique(groups, return_inverse=True)[1]
    first, count = int(names.max()) + 1, int(names.max() + same.max()) + 2
    edges = coo_array((np.ones(len(same), np.int8), (names, first + same)), shape=(count, count))
    return connected_components(edges, directed=False)[1][names].astype(np.int64)


def grouped_split(
    tied: NDArray[np.int64], labels: NDArray[np.int64], sizes: Mapping[str, int], *, key: Sequence[str | int]
) -> dict[str, NDArray[np.int64]]:
    """Row numbers of disjoint sets between which no group is divided, with the class shares that groups allow.

    The groups, the largest first, each go to the set where Σ (rows − wanted)²/wanted over sets and classes then is
    least. Where the table has fewer rows than asked for, all sets shrink in proportion; where it has more, the rest is
    left out.

    Args:
        tied: [n], a number for each row's group, from 0 without gaps.
        labels: [n], class numbers from 0; a group may hold several classes.
        sizes: Rows wanted per set.
        key: Keys the order of groups of equal size, and of rows in a set.

    Returns:
        Row numbers by set name, in random order: the first rows of a set are a fair sample of it.
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
    for group in drawn[np.argsort(-counts.sum(axis=1)[drawn], kind="stable")]:
        rows = counts[group]
        cost = (rows * (rows + 2 * (filled - wanted)) * weights).sum(axis=1)
        goes_to[group] = np.argmin(cost)
        filled[goes_to[group]] += rows
    where = goes_to[tied]
    chosen = {name: [np.flatnonzero(where == place)] for place, name in enumerate(names) if name is not None}
    return in_random_order(chosen, key=key)


def latest_rows(values: NDArray[np.float64], tied: NDArray[np.int64], *, share: float) -> NDArray[np.bool_]:
    """Marks the groups with the largest mean value, so many that their share of all rows is nearest to the wanted one.

    Groups of equal mean are never divided. At least one value stays on each side, if there are two.

    Args:
        values: [n], such as the number of a discharge.
        tied: [n], a number for each row's group, from 0 without gaps.
        share: Of all rows.
    """
    means = (np.bincount(tied, weights=values) / np.bincount(tied))[tied]
    levels, rows = np.unique(means, return_counts=True)
    if len(levels) == 1:
        return np.zeros(len(values), bool)
    from_here_on = rows[::-1].cumsum()[::-1][1:]
    cut = levels[1:][np.argmin(np.abs(from_here_on - share * len(values)))]
    return means >= cut
