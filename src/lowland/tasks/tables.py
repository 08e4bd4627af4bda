"""Tables of features and a class label: checks, splits without leakage, standardisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from lowland.errors import LowlandError
from lowland.randomness import generator
from lowland.tasks.task import Rows


def check_table(
    frame: pd.DataFrame, *, features: Sequence[str], label: str, classes: Sequence[str], origin: str
) -> None:
    """Refuse a table that a classifier cannot be trained on.

    Args:
        frame: The table.
        features: Columns that must be there, numeric and finite.
        label: Column that holds the class names.
        classes: Class names that must occur, each at least twice, and no others.
        origin: File or source named in the message.

    Raises:
        LowlandError: With the first defect found.
    """
    missing = [column for column in (*features, label) if column not in frame.columns]
    if missing:
        raise LowlandError(
            f"{origin}: column {missing[0]!r} is missing ({len(missing)} of {len(features) + 1} expected columns are); "
            f"the file has {', '.join(map(str, frame.columns[:8]))}{' ...' if len(frame.columns) > 8 else ''}"
        )
    for column in features:
        if not pd.api.types.is_numeric_dtype(frame[column]):
            raise LowlandError(f"{origin}: column {column!r} holds {frame[column].dtype}; expected numbers")
        bad = np.flatnonzero(~np.isfinite(frame[column].to_numpy(dtype=np.float64, na_value=np.nan)))
        if bad.size:
            raise LowlandError(
                f"{origin}: column {column!r} has {bad.size} NaN or infinite values (first in row {bad[0]}); "
                "expected finite numbers: clean or drop these rows"
            )
    counts = frame[label].value_counts(dropna=False).to_dict()
    unknown = [value for value in counts if value not in classes]
    if unknown:
        raise LowlandError(f"{origin}: column {label!r} has the value {unknown[0]!r}; expected {', '.join(classes)}")
    for name in classes:
        if counts.get(name, 0) < 2:
            raise LowlandError(
                f"{origin}: class {name!r} has {counts.get(name, 0)} rows; at least 2 are needed to split it"
            )


def stratified_split(
    features: NDArray[np.floating], labels: NDArray[np.int64], sizes: Mapping[str, int], *, key: Sequence[str | int]
) -> dict[str, NDArray[np.int64]]:
    """Row numbers of disjoint sets that keep the class shares and never share a duplicated row.

    Rows with equal features form a group that goes to one set as a whole, whatever their labels, so a set can miss
    its size by the size of a group. Each class fills the sets in order, in proportion to ``sizes``; where the table
    has fewer rows than asked for, all sets shrink in proportion.

    Args:
        features: [n, features], any finite values.
        labels: [n], class numbers.
        sizes: Rows wanted per set, in the order in which sets are filled.
        key: Keys the order in which rows are drawn.

    Returns:
        Row numbers by set name, in random order: the first rows of a set are a fair sample of it.
    """
    _, group_of = np.unique(features, axis=0, return_inverse=True)
    group_of = group_of.reshape(-1)
    order = torch.randperm(int(group_of.max()) + 1, generator=generator(*key, "split")).numpy()
    members = np.split(np.argsort(group_of, kind="stable"), np.cumsum(np.bincount(group_of))[:-1])
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
    return in_random_order(chosen, key=key)


def in_random_order(
    chosen: Mapping[str, Sequence[NDArray[np.int64]]], *, key: Sequence[str | int]
) -> dict[str, NDArray[np.int64]]:
    """The row numbers of every set in an order that the key draws: the first rows of a set are a fair sample of it."""
    drawn = {name: np.sort(np.concatenate(rows)) if rows else np.empty(0, int) for name, rows in chosen.items()}
    return {
        name: rows[torch.randperm(len(rows), generator=generator(*key, "order", name)).numpy()]
        for name, rows in drawn.items()
    }


class Standardiser:
    """Shift and scale that give the training set zero mean and unit standard deviation in every feature.

    A feature that is constant in training is only shifted: dividing by its zero spread would make it NaN.
    """

    def __init__(self, training: NDArray[np.float64]) -> None:
        self.mean = training.mean(axis=0)
        spread = training.std(axis=0)
        self.scale = np.where(spread > 0, spread, 1.0)

    @property
    def zero(self) -> torch.Tensor:
        """Where a feature of 0 lies [features], in float32."""
        return torch.from_numpy((-self.mean / self.scale).astype(np.float32))

    def rows(self, features: NDArray[np.float64], labels: NDArray[np.int64] | NDArray[np.float32]) -> Rows:
        """Standardised rows in float32, and the labels as they are."""
        return Rows(
            torch.from_numpy(((features - self.mean) / self.scale).astype(np.float32)), torch.from_numpy(labels.copy())
        )


class Preparation:
    """Features as the network gets them: cut off at training quantiles, gaps at the training mean, standardised.

    A feature that is constant in training is 0 in every row: nothing was learned about its other values.

    Args:
        training: [n, features], NaN where missing; every feature has a value.
        clip_quantile: Where features are cut off, from both ends; 0: nowhere.
    """

    def __init__(self, training: NDArray[np.float64], *, clip_quantile: float) -> None:
        ends = np.full((2, training.shape[1]), [[-np.inf], [np.inf]])
        self.ends = np.nanquantile(training, [clip_quantile, 1 - clip_quantile], axis=0) if clip_quantile else ends
        self.gap = np.nanmean(training.clip(*self.ends), axis=0)
        self.standardiser = Standardiser(self._filled(training))
        self.varies = np.ptp(self._filled(training), axis=0) > 0

    def _filled(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(np.isnan(features), self.gap, features.clip(*self.ends))

    @property
    def zero(self) -> torch.Tensor:
        """Where a feature of 0 lies [features], in float32, beyond the ends too: gains turn about what sensors read."""
        return torch.where(torch.from_numpy(self.varies), self.standardiser.zero, 0.0)

    def rows(self, features: NDArray[np.float64], targets: NDArray[np.int64] | NDArray[np.float32]) -> Rows:
        """The network's inputs in float32, and the targets as they are."""
        inputs, targets_there = self.standardiser.rows(self._filled(features), targets)
        return Rows(torch.where(torch.from_numpy(self.varies), inputs, 0.0), targets_there)
