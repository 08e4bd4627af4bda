"""The Pareto front: what cannot be had smaller, better and tougher at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lowland.analysis.criteria import (
    CELL,
    CLEAN,
    CONFIGURATION,
    OPERATIONS,
    SIZE,
    Criterion,
    clean_criterion,
    robustness_criteria,
)
from lowland.analysis.over_seeds import by_seed, configurations
from lowland.analysis.score import Score, score_of

SIZE_TOLERANCE = 0.01
DECIDED = ("standing", "dominated_by", "on_front_in", "standing_by_operations")
"""Columns that are of the rows that choose."""


def pareto(
    measurements: pd.DataFrame,
    *,
    reported: pd.DataFrame | None = None,
    robustness: Sequence[Criterion] | None = None,
) -> pd.DataFrame:
    """Where every configuration stands in (size, clean score, score under a disturbance), each in its good direction.

    A configuration is *dominated* if another is no larger, at least as good and at least as tough on the means, and
    better beyond doubt in one of them (intervals apart, or more than 1 % smaller); *near* the front if others beat it
    only by differences that the seeds do not vouch for; on the *front* if nothing beats it on the means. What lost a
    seed is *incomplete* where it is not dominated: it beats nothing that is complete and stands on no front, for its
    means are those of the survivors.
    Sizes within 1 % count as equal: seeds and recipes differ by the widths of a few biases.

    Args:
        measurements: The long table, of the rows that choose (``on_split``).
        reported: The long table of the rows that are told: the numbers are from these, the standings are not. None: the
            same rows.
        robustness: One front per criterion; by default the score under every disturbance, over all its levels.

    Returns:
        One row per task, robustness criterion and configuration: ``robustness`` (its name), ``label``, ``measure``
        (what the score is), score, size, robust (the score under the disturbance), each with ``_low`` and ``_high``
        (95 % t-interval over seeds; smallest and largest for the size), num_seeds, num_not_ok, ``standing``,
        ``dominated_by`` (``recipe precision`` of the one with the best clean score that beats it on the means; empty on
        the front), ``on_front_in``, the share of the seeds in which nothing beats it in their own numbers, and
        ``operations`` with ``standing_by_operations``: the bit operations, and where it stands with these in the place
        of the size (``undefined`` where they are not known).
    """
    parts = []
    for task, rows in measurements.groupby("task", sort=False):
        standings = _of_a_task(rows, robustness)
        if reported is not None and len(standings):
            told = _of_a_task(reported[reported.task == task], robustness)
            keys = [*CONFIGURATION, "robustness"]
            decided = [*DECIDED]
            joined = told.drop(columns=decided).merge(standings[[*keys, *decided]], on=keys, how="left")
            standings = joined[list(told.columns)]
        parts.append(standings)
    parts = [part for part in parts if len(part)]
    first = [*CONFIGURATION, "robustness", "label", "measure"]
    if not parts:
        return pd.DataFrame(columns=[*first, *DECIDED])
    frame = pd.concat(parts, ignore_index=True)
    return frame[[*first, *(c for c in frame.columns if c not in first)]]


def _of_a_task(measurements: pd.DataFrame, robustness: Sequence[Criterion] | None) -> pd.DataFrame:
    score = score_of(measurements)
    clean = clean_criterion(score)
    criteria = robustness_criteria(measurements, score) if robustness is None else tuple(robustness)
    asked = {clean.measure, SIZE.measure, OPERATIONS.measure, *(c.measure for c in criteria)}
    # Far fewer rows to search, once for every criterion; of each cell one stays, whatever it is about.
    few = measurements[measurements.measure.isin(asked) | ~measurements.duplicated(CELL)]
    numbers = configurations(few, list({c.name: c for c in (clean, SIZE, OPERATIONS, *criteria)}.values()))
    seeds = {c.name: by_seed(few, c) for c in (clean, SIZE, *criteria)}
    parts = []
    for criterion in criteria:
        wide = _wide(numbers, {clean.name: "score", SIZE.name: "size", criterion.name: "robust"})
        lacking = wide[["num_not_ok", "score_num_not_ok", "size_num_not_ok"]].any(axis=1)
        wide = wide.drop(columns=[c for c in wide if c.startswith(("score_num", "size_num"))])
        standing = _standings(wide, score, lacking.to_numpy())
        operations = _wide(numbers, {clean.name: "score", OPERATIONS.name: "size", criterion.name: "robust"})
        other = _standings(operations, score, lacking.to_numpy())
        standing = standing.assign(operations=operations["size"], standing_by_operations=other.standing)
        standing = standing.assign(on_front_in=_on_front_in(standing, seeds, criterion, score))
        parts.append(standing.assign(robustness=criterion.name, label=criterion.label, measure=score.name))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _wide(numbers: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    frame = numbers[CONFIGURATION].drop_duplicates().reset_index(drop=True)
    for criterion, name in names.items():
        part = numbers[numbers.criterion == criterion]
        columns = {"mean": name, "low": f"{name}_low", "high": f"{name}_high"}
        columns |= {count: count if name == "robust" else f"{name}_{count}" for count in ("num_seeds", "num_not_ok")}
        frame = frame.merge(part[[*CONFIGURATION, *columns]].rename(columns=columns), how="left", on=CONFIGURATION)
    return frame


def _standings(task: pd.DataFrame, score: Score, lacking: NDArray[np.bool_]) -> pd.DataFrame:
    comparable = ~lacking[:, None] | lacking[None, :]
    beats, beyond_doubt = (found & comparable for found in _dominance(task, score))
    defined = task[["score", "size", "robust"]].notna().all(axis=1).to_numpy()
    standing = np.where(beats.any(0), np.where(beyond_doubt.any(0), "dominated", "near"), "front")
    standing = np.where(lacking & (standing != "dominated"), "incomplete", standing)
    names = (task.recipe + " " + task.precision).to_numpy()
    merit = np.where(defined, score.sign * task.score, -np.inf)
    by = np.where(beats, merit[:, None], -np.inf).argmax(0)
    return task.assign(
        standing=np.where(defined, standing, "undefined"), dominated_by=np.where(beats.any(0), names[by], "")
    )


def _dominance(task: pd.DataFrame, score: Score) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """[i, j]: whether i beats j on the means, and whether it also does so beyond doubt somewhere."""
    size = task["size"].to_numpy()
    no_larger = size[:, None] <= size[None, :] * (1 + SIZE_TOLERANCE)
    smaller = size[:, None] < size[None, :] * (1 - SIZE_TOLERANCE)
    as_good, better, apart = no_larger, smaller, smaller
    worst, best = ("low", "high") if score.higher_is_better else ("high", "low")
    for name in ("score", "robust"):
        mean = score.sign * task[name].to_numpy()
        as_good = as_good & (mean[:, None] >= mean[None, :])
        better = better | (mean[:, None] > mean[None, :])
        lower, upper = (score.sign * task[f"{name}_{end}"].to_numpy() for end in (worst, best))
        apart = apart | (lower[:, None] > upper[None, :])
    beats = as_good & better
    return beats, beats & apart


def _on_front_in(
    task: pd.DataFrame, seeds: dict[str, pd.DataFrame], criterion: Criterion, score: Score
) -> NDArray[np.float64]:
    """The share of the seeds in which nothing beats a configuration; NaN where no seed has all its numbers."""
    index = pd.MultiIndex.from_frame(task[CONFIGURATION])
    names = {"score": CLEAN, "size": SIZE.name, "robust": criterion.name}
    own = {name: seeds[key].reindex(index) for name, key in names.items()}
    counts, fronts = np.zeros(len(index)), np.zeros(len(index))
    for seed in own["score"].columns:
        frame = pd.DataFrame({name: table[seed].to_numpy(dtype=float) for name, table in own.items()})
        ends = {f"{name}_{end}": frame[name] for name in ("score", "robust") for end in ("low", "high")}
        known = frame.notna().all(axis=1).to_numpy()
        beats, _ = _dominance(frame.assign(**ends), score)
        counts += known
        fronts += known & ~(beats & known[:, None]).any(0)
    with np.errstate(invalid="ignore"):
        return np.where(counts > 0, fronts / counts, np.nan)
