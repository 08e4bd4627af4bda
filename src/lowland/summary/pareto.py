"""The Pareto front: what cannot be had smaller, more accurate and tougher at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lowland.summary.criteria import ACCURACY, CELL, CONFIGURATION, SIZE, Criterion, robustness_criteria
from lowland.summary.over_seeds import configurations

SIZE_TOLERANCE = 0.01
STANDINGS = ("front", "near", "dominated", "undefined")


def pareto(measurements: pd.DataFrame, *, robustness: Sequence[Criterion] | None = None) -> pd.DataFrame:
    """Where every configuration stands in (size down, clean accuracy up, accuracy under a disturbance up).

    A configuration is *dominated* if another is no larger, at least as accurate and at least as tough on the means,
    and better beyond doubt in one of them (intervals apart, or more than 1 % smaller); *near* the front if others
    beat it only by differences that the seeds do not vouch for; on the *front* if nothing beats it on the means.
    Sizes within 1 % count as equal: seeds and recipes differ by the widths of a few biases.

    Args:
        measurements: The long table.
        robustness: One front per criterion; by default the accuracy under every disturbance, over all its levels.

    Returns:
        One row per task, robustness criterion and configuration: ``robustness`` (its name), ``label``, accuracy, size,
        robust (the accuracy left under the disturbance), each with ``_low`` and ``_high`` (95 % t-interval over seeds;
        smallest and largest for the size), num_seeds, num_not_ok, ``standing``, ``dominated_by`` (``recipe precision``
        of the most accurate configuration that beats it on the means; empty on the front).
    """
    criteria = robustness_criteria(measurements) if robustness is None else tuple(robustness)
    parts = []
    asked = {ACCURACY.measure, SIZE.measure, *(c.measure for c in criteria)}
    # Far fewer rows to search, once for every criterion; of each cell one stays, whatever it is about.
    few = measurements[measurements.measure.isin(asked) | ~measurements.duplicated(CELL)]
    numbers = configurations(few, list({c.name: c for c in (ACCURACY, SIZE, *criteria)}.values()))
    for criterion in criteria:
        wide = _wide(numbers, {ACCURACY.name: "accuracy", SIZE.name: "size", criterion.name: "robust"})
        for _, task in wide.groupby("task", sort=False):
            parts.append(_standings(task).assign(robustness=criterion.name, label=criterion.label))
    if not parts:
        return pd.DataFrame(columns=[*CONFIGURATION, "robustness", "label", "standing", "dominated_by"])
    frame = pd.concat(parts, ignore_index=True)
    first = [*CONFIGURATION, "robustness", "label"]
    return frame[[*first, *(c for c in frame.columns if c not in first)]]


def _wide(numbers: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    frame = numbers[CONFIGURATION].drop_duplicates().reset_index(drop=True)
    for criterion, name in names.items():
        part = numbers[numbers.criterion == criterion]
        columns = {"mean": name, "low": f"{name}_low", "high": f"{name}_high"}
        if name == "robust":
            columns |= {"num_seeds": "num_seeds", "num_not_ok": "num_not_ok"}
        frame = frame.merge(part[[*CONFIGURATION, *columns]].rename(columns=columns), how="left", on=CONFIGURATION)
    return frame


def _standings(task: pd.DataFrame) -> pd.DataFrame:
    beats, beyond_doubt = _dominance(task)
    defined = task[["accuracy", "size", "robust"]].notna().all(axis=1).to_numpy()
    standing = np.where(beats.any(0), np.where(beyond_doubt.any(0), "dominated", "near"), "front")
    names = (task.recipe + " " + task.precision).to_numpy()
    accuracy = np.where(defined, task.accuracy, -np.inf)
    by = np.where(beats, accuracy[:, None], -np.inf).argmax(0)
    return task.assign(
        standing=np.where(defined, standing, "undefined"), dominated_by=np.where(beats.any(0), names[by], "")
    )


def _dominance(task: pd.DataFrame) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """[i, j]: whether i beats j on the means, and whether it also does so beyond doubt somewhere."""
    size = task["size"].to_numpy()
    no_larger = size[:, None] <= size[None, :] * (1 + SIZE_TOLERANCE)
    smaller = size[:, None] < size[None, :] * (1 - SIZE_TOLERANCE)
    as_good, better, apart = no_larger, smaller, smaller
    for name in ("accuracy", "robust"):
        mean = task[name].to_numpy()
        as_good = as_good & (mean[:, None] >= mean[None, :])
        better = better | (mean[:, None] > mean[None, :])
        apart = apart | (task[f"{name}_low"].to_numpy()[:, None] > task[f"{name}_high"].to_numpy()[None, :])
    beats = as_good & better
    return beats, beats & apart
