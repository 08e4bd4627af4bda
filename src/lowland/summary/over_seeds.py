"""From cells to configurations: means over a handful of seeds, with t-intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from lowland.summary.criteria import CONFIGURATION, SIZE, Criterion, criterion_values


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
