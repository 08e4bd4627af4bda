"""What makes a table unfit for a study: each defect is one line that says what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lowland.errors import LowlandError
from lowland.tasks.scale import LARGEST, mean_and_spread
from lowland.tasks.split_sizes import least_rows
from lowland.tasks.splits import LEAST_HELD_OUT, OF_SINGLE_ROWS

GROUPS_PER_SET = 2  # of every class: what one group alone shows cannot be separated from the group
ENOUGH_KNOWN = 20  # rows: a column that agrees with the classes in fewer, and is empty elsewhere, may do so by chance
SAME = 1e-9  # closer than that to a correlation of ±1 no two measured columns come


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


def check_features(features: pd.DataFrame, *, refuse_gaps: bool, origin: str) -> None:
    """Refuses gaps where they are not wanted, columns without any number and tables in which nothing varies."""
    values = features.to_numpy(np.float64)
    gaps = ~np.isfinite(values)
    if refuse_gaps and gaps.any():
        place = int(np.argmax(gaps.any(axis=0)))
        raise LowlandError(
            f"{origin}: column {features.columns[place]!r} has {gaps[:, place].sum()} missing, NaN or infinite values "
            f"(first in row {np.flatnonzero(gaps[:, place])[0]}; {gaps.any(axis=0).sum()} columns have some); "
            "clean them, or set missing: mean or missing: drop"
        )
    if (empty := gaps.all(axis=0)).any():
        name = features.columns[int(np.argmax(empty))]
        raise LowlandError(f"{origin}: column {name!r} holds no number at all; leave it out of features")
    known = np.where(gaps, np.nan, values)
    for place, name in enumerate(features.columns):
        check_range(known[~gaps[:, place], place], f"column {name!r}", origin=origin)
    if not (np.nanmax(known, axis=0) > np.nanmin(known, axis=0)).any():
        raise LowlandError(f"{origin}: all {features.shape[1]} features are constant; expected some that vary")


def check_range(known: NDArray[np.float64], what: str, *, origin: str) -> None:
    """Refuses numbers that leave float64 no room to compute with: their unit is to be changed."""
    largest, spread = float(np.abs(known).max()), float(mean_and_spread(known)[1])
    if largest > LARGEST or 0 < spread < 1 / LARGEST or (spread == 0 and np.ptp(known) > 0):
        value = f"values up to {largest:.3g}" if largest > LARGEST else f"values that differ by {np.ptp(known):.3g}"
        raise LowlandError(
            f"{origin}: {what} has {value}; float64 computes between {1 / LARGEST:g} and {LARGEST:g}: use another unit"
        )


def check_classes(names: pd.Series, classes: Mapping[str, tuple[object, ...]], *, target: str, origin: str) -> None:
    """Refuses classes that do not occur."""
    counts = names.value_counts().to_dict()
    for name, values in classes.items():
        if counts.get(name, 0) == 0:
            raise LowlandError(
                f"{origin}: class {name!r} never occurs: column {target!r} has no row with "
                f"{' or '.join(map(repr, values))}; correct classes"
            )


def check_copies(features: pd.DataFrame, target: pd.Series, *, target_values: int | None, origin: str) -> None:
    """Refuses features that are the target under another name, in all rows in which they are known.

    Args:
        features: Numbers, NaN where missing.
        target: Names of classes, or numbers.
        target_values: Values of the target that make up the classes; None: the target is a number.
        origin: Named in the message.
    """
    for name, column in features.items():
        if target_values is None:
            both = (column.notna() & np.isfinite(column)).to_numpy()
            first, second = column.to_numpy()[both], target.to_numpy(np.float64)[both]
            copied = len(first) > 2 and abs(_correlation(first, second)) > 1 - SAME
        else:
            known = column.notna()
            copied = (
                column.nunique() <= target_values
                and (known.all() or known.sum() >= ENOUGH_KNOWN)
                and bool((target[known].groupby(column[known]).nunique() == 1).all())
                and target[known].nunique() > 1
            )
        if copied:
            raise LowlandError(
                f"{origin}: feature {name!r} is a copy of the target: it alone gives the answer; leave it out"
            )


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Pearson's, in any units; 0 where one does not vary."""
    scaled = []
    for values in (first, second):
        mean, spread = mean_and_spread(values)
        if spread == 0:
            return 0.0
        scaled.append((values - mean) / spread)
    return float((scaled[0] * scaled[1]).mean())


def check_groups(groups: pd.Series, tied: NDArray[np.int64], *, origin: str) -> None:
    """Refuses a group column that cannot keep rows apart, or that leaves nothing to divide."""
    name = groups.name
    if groups.isna().any():
        raise LowlandError(f"{origin}: group column {name!r} is empty in {groups.isna().sum()} rows; fill it")
    if groups.nunique() == len(groups):
        raise LowlandError(
            f"{origin}: group column {name!r} is different in every row, so that it keeps nothing together; name the "
            "column that rows of one discharge, patient or device share, or leave group out"
        )
    largest = np.bincount(tied)
    if largest.max() > len(groups) / 2:
        place = int(np.argmax(tied == largest.argmax()))
        member = groups.iloc[[place]].tolist()[0]  # a plain number, which is written as one
        with_others = groups[tied == largest.argmax()].nunique() > 1
        raise LowlandError(
            f"{origin}: group {member!r} of column {name!r}"
            f"{' with the groups that share rows with it' if with_others else ''} holds {largest.max()} of "
            f"{len(groups)} rows; more than half cannot be divided between the sets: choose another group column"
        )


def check_shift(values: pd.Series, later: NDArray[np.bool_], *, share: float, origin: str) -> None:
    """Refuses a column that cannot be cut near the wanted share."""
    found = later.mean()
    if not share / 2 <= found <= 2 * share:
        raise LowlandError(
            f"{origin}: shift column {values.name!r} cannot be cut near a share of {share:g}: it has "
            f"{values.nunique()} values, and the nearest cut that keeps groups whole leaves {found:.3g}; "
            "choose another share or column"
        )
    if later.sum() < LEAST_HELD_OUT:
        raise LowlandError(
            f"{origin}: shift column {values.name!r} leaves {later.sum()} later rows; expected at least "
            f"{LEAST_HELD_OUT}: use more data or a larger share"
        )


def check_sets(
    sets: dict[str, NDArray[np.int64]],
    tied: NDArray[np.int64],
    labels: NDArray[np.int64],
    *,
    classes: list[str],
    origin: str,
) -> None:
    """Refuses a split that leaves a set, other than of single rows, with fewer than two groups of a class.

    Args:
        sets: Row numbers by set name.
        tied: [n], each row's group; a row that is tied to no other is a group of its own.
        labels: [n], class numbers.
        classes: Names of the classes; a single one where the target is a number.
        origin: Named in the message.
    """
    for part, rows in sets.items():
        if len(rows) < least_rows(part):
            raise LowlandError(
                f"{origin}: {part}_rows gets {len(rows)} rows; at least {least_rows(part)} are needed: use more data, "
                "or smaller shares for the other sets"
            )
        for number, name in enumerate(classes if part not in OF_SINGLE_ROWS else ()):  # a rate needs no class
            count = len(np.unique(tied[rows[labels[rows] == number]]))
            if count < GROUPS_PER_SET:
                whose = f" of class {name!r}" if len(classes) > 1 else ""
                raise LowlandError(
                    f"{origin}: {part}_rows gets {count} groups{whose}, of {len(np.unique(tied[labels == number]))}; "
                    f"at least {GROUPS_PER_SET} are needed (a row on its own is a group): use more data, give the set "
                    "more rows, or join classes"
                )
