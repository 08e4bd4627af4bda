"""Whether a configuration learned anything: its gain over the guess, paired over the test rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from lowland.analysis.criteria import CELL, CONFIGURATION, cells
from lowland.analysis.family_wise import holm
from lowland.analysis.intervals import t_quantile

GAIN = "gain_over_guess"
CONFIDENCE = 0.95


def gains(measurements: pd.DataFrame) -> pd.DataFrame:
    """The gain of every configuration over the guess, and whether it is beyond the luck of the test rows.

    The question is whether the networks that are there, one of which will be deployed, do better than the guess on
    rows like these. So the seeds are taken as they are: with two or three of them a t-interval over seeds would deny
    even networks that are right twice as often as the guess. The gain is the mean over the seeds. They were all judged
    on the same rows, and what is luck for one is luck for the others: the error of the mean is the *mean* of their
    errors over rows, what it is if they are right and wrong on the same rows and more than it can be else. Dividing by
    √seeds would count every row once for each seed.

    The best of many configurations is what gets recommended, and among many that learned nothing one may beat the guess
    by luck. The test is therefore at 95 % for all configurations of the task together (Holm); a single one is judged by
    whether its 95 % interval lies above zero.

    Args:
        measurements: The long table of one task; its rows ``gain_over_guess`` are per cell, positive where the network
            is better, with the standard error over the rows of the paired difference.

    Returns:
        One row per configuration, indexed by task, recipe, precision, method and weight_bits: ``mean``, ``low``,
        ``high`` (NaN where unknown), ``beats`` (True, False, or None where nothing was measured) and ``idle``, the
        seeds that on their own do not beat the guess.
    """
    rows = measurements[(measurements.measure == GAIN) & (measurements.status == "ok")]
    index = pd.MultiIndex.from_frame(cells(measurements)[CONFIGURATION].drop_duplicates())
    if rows.empty:
        unknown = {"mean": np.nan, "low": np.nan, "high": np.nan}
        return pd.DataFrame(unknown, index=index).assign(beats=None, idle=[[] for _ in index])
    rows = rows[[*CELL, "value", "standard_error", "num_samples"]]
    factor = t_quantile(CONFIDENCE, (rows.num_samples - 1).clip(lower=1))
    rows = rows.assign(idle=~(rows.value - factor * rows.standard_error > 0))
    idle = rows[rows.idle].groupby(CONFIGURATION, sort=False)["seed"].agg(list)
    found = (
        rows.groupby(CONFIGURATION, sort=False)
        .agg(mean=("value", "mean"), error=("standard_error", "mean"), rows=("num_samples", "min"))
        .reindex(index)
    )
    freedom = (found.rows - 1).clip(lower=1)
    half = t_quantile(CONFIDENCE, freedom) * found.error
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(found.error > 0, found["mean"] / found.error, np.inf * np.sign(found["mean"]))
        chance = np.where(found["mean"] == 0, 1.0, stats.t.sf(ratio, freedom))
    beats = holm(chance) < (1 - CONFIDENCE) / 2
    known = found["mean"].notna() & found.error.notna()
    return pd.DataFrame(
        {
            "mean": found["mean"],
            "low": found["mean"] - half,
            "high": found["mean"] + half,
            "beats": pd.Series(
                [bool(b) if k else None for b, k in zip(beats, known, strict=True)], index, dtype=object
            ),
            "idle": [list(idle.get(key, [])) for key in index],
        },
        index=index,
    )
