"""What each recipe and way to quantize adds to all that can be had at once: hypervolume with it less without it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lowland.analysis.criteria import (
    CELL,
    OPERATIONS,
    SIZE,
    clean_criterion,
    criterion_values,
    robustness_criteria,
)
from lowland.analysis.intervals import t_interval
from lowland.analysis.over_seeds import by_seed
from lowland.analysis.score import Score, score_of

COLUMNS = ["task", "robustness", "label", "cost", "left_out", "kind", "change", "low", "high", "num_seeds"]
Points = NDArray[np.float64]
"""[configurations, 3], the less the better: minus merit, log2 of the cost, minus merit under the disturbance."""


def hypervolume_changes(measurements: pd.DataFrame) -> pd.DataFrame:
    r"""By how much the hypervolume shrinks if a recipe, or a way to quantize, is left out of the study.

    The hypervolume is what configurations dominate in (score, :math:`\log_2` of the cost, score under a disturbance)
    down to the reference point (the guess, the float network, the guess). It has no unit that means anything, and grows
    with the study: told are differences, as a share of the whole, seed by seed.

    Args:
        measurements: The long table, of one half of the held-out rows (``on_split``).

    Returns:
        Per task, ``robustness`` criterion (and its ``label``), ``cost`` (``size`` or ``bit_operations``) and what is
        ``left_out`` (of ``kind`` ``recipe`` or ``method``): ``change``, the mean over seeds of 1 - without / with, its
        95 % t-interval ``low``, ``high`` (NaN for fewer than two seeds) and ``num_seeds``. Nothing of a task without a
        float network or a guess, or with one recipe and one way to quantize.

    Source:
        Zitzler & Thiele, IEEE Trans. Evol. Comput. 3 (1999) 257; computed by ``moocore``.
    """
    rows = [row for _, task in measurements.groupby("task", sort=False) for row in _of_a_task(task)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _of_a_task(measurements: pd.DataFrame) -> Iterator[dict[str, object]]:
    score = score_of(measurements)
    guess = _guess(measurements, score)
    clean = by_seed(measurements, clean_criterion(score))
    for cost in (SIZE, OPERATIONS):
        costs = by_seed(measurements, cost)
        largest = costs[costs.index.get_level_values("method") == "float"].max()
        for criterion in robustness_criteria(measurements, score):
            robust = by_seed(measurements, criterion)
            points = {
                seed: np.column_stack([-score.sign * clean[seed], np.log2(costs[seed]), -score.sign * robust[seed]])
                for seed in clean
                if seed in guess and largest[seed] == largest[seed]
            }
            references = {
                seed: np.array([-score.sign * guess[seed], np.log2(largest[seed]), -score.sign * guess[seed]])
                for seed in points
            }
            about = {"task": measurements.task.iloc[0], "robustness": criterion.name, "label": criterion.label}
            for kind, name, left_out in _parts(clean.index):
                changes = [change(points[seed], references[seed], left_out) for seed in points]
                known = [value for value in changes if np.isfinite(value)]
                if known:
                    ends = dict(zip(("change", "low", "high"), t_interval(known), strict=True))
                    yield {**about, "cost": cost.name, "left_out": name, "kind": kind, **ends, "num_seeds": len(known)}


def change(points: Points, reference: NDArray[np.float64], left_out: NDArray[np.bool_]) -> float:
    """The share of the hypervolume that goes with some configurations.

    Args:
        points: See ``Points``; those with a NaN are no configurations.
        reference: The worst of each.
        left_out: [configurations].

    Returns:
        0 to 1; NaN where nothing is better than the reference.
    """
    whole = hypervolume(points, reference)
    return 1 - hypervolume(points[~left_out], reference) / whole if whole > 0 else float("nan")


def hypervolume(points: Points, reference: NDArray[np.float64]) -> float:
    """The volume that is dominated by points and dominates the reference; 0 without such points."""
    import moocore  # half a second: only where a volume is computed

    known = points[np.isfinite(points).all(1)]
    return float(moocore.hypervolume(known, ref=reference)) if len(known) else 0.0


def _parts(index: pd.MultiIndex) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """What may be left out, and which configurations that is; float networks are the reference and stay."""
    methods = index.get_level_values("method")
    for kind, level in (("recipe", "recipe"), ("method", "method")):
        names = index.get_level_values(level)
        choices: Sequence[str] = list(dict.fromkeys(names[methods != "float"]))
        if len(choices) > 1:
            for name in choices:
                yield kind, str(name), np.asarray((names == name) & ((methods != "float") | (kind == "recipe")))


def _guess(measurements: pd.DataFrame, score: Score) -> dict[str, float]:
    """What the guess reaches, by seed: the score less what a network gains over it."""
    gain = measurements[(measurements.measure == "gain_over_guess") & (measurements.status == "ok")]
    clean = criterion_values(measurements, clean_criterion(score))
    joined = clean.merge(gain[[*CELL, "value"]], on=CELL, suffixes=("", "_gain")).dropna(subset=["value", "value_gain"])
    return dict((joined.value - score.sign * joined.value_gain).groupby(joined.seed).mean())
