"""Rows that belong together go to one set as a whole: groups, duplicates, and the rows that come last."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def tied_rows(
    features: NDArray[np.floating],
    groups: NDArray[np.int64] | None = None,
    *,
    blank: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """Which rows must stay together, because they share a group or all their features, directly or through others.

    Args:
        features: [n, features]; NaN equals NaN.
        groups: [n], a number for each row's group; None: duplicates alone tie rows.
        blank: [n], marks rows whose features say nothing, so that they are nobody's duplicates; None: there are none.

    Returns:
        [n], a number from 0 for each row's connected component.
    """
    from scipy.sparse import coo_array  # takes as long as all else here: only where rows are tied
    from scipy.sparse.csgraph import connected_components

    gaps = np.isnan(features)
    comparable = np.hstack([np.where(gaps, 0, features), gaps]) if gaps.any() else features
    same = np.unique(comparable, axis=0, return_inverse=True)[1].reshape(-1)
    if blank is not None and blank.any():
        same[blank] = int(same.max()) + 1 + np.arange(int(blank.sum()))
        same = np.unique(same, return_inverse=True)[1]
    if groups is None:
        return same.astype(np.int64)
    names = np.unique(groups, return_inverse=True)[1]
    first, count = int(names.max()) + 1, int(names.max() + same.max()) + 2
    edges = coo_array((np.ones(len(same), np.int8), (names, first + same)), shape=(count, count))
    return connected_components(edges, directed=False)[1][names].astype(np.int64)


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
