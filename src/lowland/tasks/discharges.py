"""Splits of exact sizes that keep the frames of one discharge together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from lowland.randomness import Key, generator

Numbers = NDArray[np.int64]


def split_by_discharge(groups: Numbers, sizes: Mapping[str, int], *, key: Sequence[Key]) -> dict[str, Numbers]:
    """Row numbers of disjoint sets that share no group.

    Groups in random order fill the sets one after the other; of the last group that a set takes, only as many rows as
    it still needs are used. Where there are fewer rows than asked for, all sets shrink in proportion.

    Args:
        groups: [n], group numbers from 0.
        sizes: Rows wanted per set, in the order in which sets are filled.
        key: Keys the order of the groups and of the rows.

    Returns:
        Row numbers by set name, in random order; a set can stay empty where there are too few groups.
    """
    shrink = min(1.0, len(groups) / sum(sizes.values()))
    members = np.split(np.argsort(groups, kind="stable"), np.cumsum(np.bincount(groups))[:-1])
    waiting = iter(torch.randperm(len(members), generator=generator(*key, "split")).tolist())
    chosen = {}
    for name, size in sizes.items():
        rows: Numbers = np.empty(0, np.int64)
        while len(rows) < round(size * shrink) and (group := next(waiting, None)) is not None:
            rows = np.concatenate([rows, members[group]])
        rows = np.sort(rows[: round(size * shrink)])
        chosen[name] = rows[torch.randperm(len(rows), generator=generator(*key, "order", name)).numpy()]
    return chosen
