"""From cells to configurations: means over a handful of seeds, with t-intervals, for comparisons and for thresholds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from lowland.summary.criteria import ACCURACY, CONFIGURATION, SIZE, Criterion, criterion_values, of_the_whole


def over_seeds(values: pd.DataFrame, *, by: Sequence[str], confidence: float = 0.95) -> pd.DataFrame:
    """Mean and t-interval over seeds.

    mean ± t(n - 1)·s/√n over the n seeds that gave a number. No bootstrap: with three seeds a nominal 95 % bootstrap
    interval covers 67 %. The interval speaks of training again with other seeds; what all cells share (the same test
    rows, the same draws of the disturbance) is not in it, which is right for comparing them.

    Args:
        values: One row per cell with ``value`` and ``status``.
        by: Columns that name a configuration (and what is averaged).
        confidence: Between 0 and 1.

    Returns:
        One row per configuration in order of appearance: ``mean``, ``low``, ``high`` (NaN with fewer than two good
        seeds), ``num_seeds`` (good ones), ``num_not_ok``.
    """
    good = values.assign(good=values.value.where(values.status == "ok"))
    frame = (
        good.groupby(list(by), sort=False, dropna=False)["good"]
        .agg(mean="mean", spread="std", num_seeds="count", total="size")
        .reset_index()
    )
    count = frame.num_seeds.to_numpy(dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = stats.t.ppf(0.5 + confidence / 2, np.where(count > 1, count - 1, np.nan)) * frame.spread / np.sqrt(count)
    return frame.assign(low=frame["mean"] - half, high=frame["mean"] + half, num_not_ok=frame.total - frame.num_seeds)[
        [*by, "mean", "low", "high", "num_seeds", "num_not_ok"]
    ]


def configurations(measurements: pd.DataFrame, criteria: Sequence[Criterion]) -> pd.DataFrame:
    """Every configuration by every criterion, with t-intervals over its seeds.

    The size is counted, not estimated: its interval is the smallest and the largest of the seeds (biases take the
    width that their codes need, so seeds differ by a few bits).

    Returns:
        One row per configuration and criterion: task, recipe, precision, method, weight_bits, ``criterion`` (its
        name), mean, low, high, num_seeds, num_not_ok.
    """
    parts = []
    for criterion in criteria:
        values = criterion_values(measurements, criterion)
        part = over_seeds(values, by=CONFIGURATION).assign(criterion=criterion.name)
        if criterion.name == SIZE.name:
            ends = values.groupby(CONFIGURATION, sort=False)["value"].agg(low="min", high="max").reset_index()
            part = part.assign(low=ends.low, high=ends.high)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def with_test_rows(
    numbers: pd.DataFrame, measurements: pd.DataFrame, criteria: Sequence[Criterion], *, confidence: float = 0.95
) -> pd.DataFrame:
    """The intervals to hold against a threshold: over seeds, test rows and the draws of the disturbance.

    Half of it is √(h² + z²·(a(1 - a)/n + e²)): h half of the interval over the seeds, a the mean accuracy, n the
    number of test rows, e² the mean over the cells of the squared standard error over draws. Whatever is disturbed with
    levels is the clean test set; a shifted set has rows of its own. All cells met the same rows and the same draws, so
    neither shows in the spread over seeds. Where nothing is drawn an accuracy's own standard error is that of the test
    rows, which is not counted twice: it is one over draws where there are fewer samples than rows. Other rows and
    draws would move all configurations together, so this is the wrong interval for comparing them.

    Args:
        numbers: From ``configurations``.
        measurements: The long table.
        criteria: What ``numbers`` is about. Only accuracies have a sampling error; other intervals stay as they are.
        confidence: Between 0 and 1, that of ``numbers``.

    Returns:
        ``numbers`` with the wider interval as ``low`` and ``high`` (NaN where one of its parts is unknown) and the one
        over seeds alone as ``seeds_low`` and ``seeds_high``.
    """
    frame = numbers.assign(seeds_low=numbers.low, seeds_high=numbers.high)
    for criterion in criteria:
        if criterion.measure != ACCURACY.measure:
            continue
        rows = frame[frame.criterion == criterion.name]
        mean = rows["mean"].clip(0, 1)
        num_rows = _num_test_rows(measurements, criterion)
        variance = mean * (1 - mean) / rows.task.map(num_rows).astype(float)
        variance += _over_draws(rows, measurements, criterion, num_rows)
        half = np.sqrt((rows.high - rows["mean"]) ** 2 + stats.norm.ppf(0.5 + confidence / 2) ** 2 * variance)
        frame.loc[rows.index, "low"] = rows["mean"] - half
        frame.loc[rows.index, "high"] = rows["mean"] + half
    return frame


def _over_draws(rows: pd.DataFrame, measurements: pd.DataFrame, criterion: Criterion, num_rows: pd.Series) -> pd.Series:
    """Mean squared standard error over draws of each configuration's cells, for every row."""
    drawn = measurements.num_samples < measurements.task.map(num_rows)
    own = measurements.assign(standard_error=measurements.standard_error.where(drawn, 0.0))
    cells = criterion_values(own, criterion)
    cells = cells[cells.status == "ok"]
    squares = cells.assign(square=cells.standard_error**2).groupby(CONFIGURATION, sort=False)["square"]
    known = squares.agg(lambda found: found.mean(skipna=False))
    return pd.Series(known.reindex(pd.MultiIndex.from_frame(rows[CONFIGURATION])).to_numpy(), index=rows.index)


def _num_test_rows(measurements: pd.DataFrame, criterion: Criterion) -> pd.Series:
    """How many test rows an accuracy is a share of, by task: all its cells see the same ones."""
    shifted = (measurements.family == criterion.family) & (measurements.condition == criterion.condition)
    shifted &= measurements.level.isna() & (measurements.family == "corruption")
    source = criterion if shifted.any() else ACCURACY
    rows = measurements[
        (measurements.family == source.family)
        & (measurements.measure == source.measure)
        & (measurements.condition == source.condition)
        & (measurements.status == "ok")
        & (measurements.num_samples > 0)
    ]
    return of_the_whole(rows).groupby("task")["num_samples"].min()
