"""Sets that only some stages ask for: they are drawn from what the usual ones leave, so that these stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lowland.errors import LowlandError
from lowland.tasks.splitting import stratified_split

ExtraSet = Literal["threshold", "retraining"]
EXTRA_SETS: tuple[ExtraSet, ...] = get_args(ExtraSet)
"""In the order in which they are drawn: ``threshold`` is the same with and without ``retraining``."""
LEAST_EXTRA = 2
"""Rows that one of them needs."""


def with_extra_sets(
    chosen: Mapping[str, NDArray[np.int64]],
    tied: NDArray[np.int64],
    labels: NDArray[np.int64],
    extra: Mapping[ExtraSet, int],
    *,
    key: tuple[str | int, ...],
    split: Callable[..., dict[str, NDArray[np.int64]]] = stratified_split,
) -> dict[str, NDArray[np.int64]]:
    """The chosen sets, and others that are drawn from the groups of which none of them has a row.

    Args:
        chosen: Row numbers by set name; they stay as they are.
        tied: A number for each row's group [n]: no group is divided.
        labels: Numbers of the classes from 0 [n].
        extra: Rows wanted by the name of the set; a set gets what is left where that is less.
        key: Keys the drawing.
        split: How groups are divided: ``stratified_split`` or ``grouped_split``.

    Raises:
        LowlandError: Nothing is left for a set.
    """
    found = dict(chosen)
    for name in EXTRA_SETS:
        if name not in extra:
            continue
        taken = np.concatenate([tied[rows] for rows in found.values()])
        left = np.flatnonzero(~np.isin(tied, taken))
        if len(left) >= LEAST_EXTRA:
            groups = np.unique(tied[left], return_inverse=True)[1].reshape(-1)
            found[name] = left[split(groups, labels[left], {name: extra[name]}, key=(*key, name))[name]]
        if len(found.get(name, ())) < LEAST_EXTRA:
            raise LowlandError(
                f"extra_rows.{name} asks for {extra[name]} rows; the other sets leave {len(left)} of {len(tied)}, "
                f"expected at least {LEAST_EXTRA}: give the other sets fewer rows, or use more data"
            )
    return found
