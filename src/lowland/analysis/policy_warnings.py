"""Does anything that is known before deployment warn of the worst bit policy? Partial rank correlations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lowland.analysis.correlation import ENOUGH_RECIPES
from lowland.analysis.criteria import CELL, clean_criterion, criterion_values
from lowland.analysis.family_wise import holm
from lowland.analysis.intervals import t_quantile
from lowland.analysis.rank_correlation import Array, interval, resampled_clusters
from lowland.analysis.score import score_of
from lowland.analysis.splits import on_split
from lowland.analysis.warning_signs import warning_signs
from lowland.randomness import seed_of

RESPONSE = "policy_drop"
SMALLEST = 1e-12
"""Product of variances of ranks below which one of them is constant but for rounding."""
COLUMNS = (
    "task",
    "precision",
    "predictor",
    "kind",
    "value",
    "low",
    "high",
    "chance",
    "family_chance",
    "without_accuracy",
    "num_recipes",
    "num_cells",
    "num_strata",
    "descriptive",
    "status",
)


def policy_warnings(
    measurements: pd.DataFrame, *, response: str = RESPONSE, num_resamples: int = 1000, confidence: float = 0.95
) -> pd.DataFrame:
    r"""Spearman's partial correlation at equal accuracy of every warning sign with what the worst policy costs.

    Ranks are formed inside each task and precision and combined, so that neither bits nor tasks can pose as a relation.
    With the rank correlations r of sign x, drop y and clean score z it is
    :math:`(r_{xy} - r_{xz} r_{yz}) / \sqrt{(1 - r_{xz}^2)(1 - r_{yz}^2)}`, the correlation of what the score's ranks
    leave unexplained of either: a network that is more accurate has more to lose. Intervals come from resampling these
    residuals by recipe, with all seeds and precisions, and by task where there are several, each drawn for itself (a
    recipe is the same in all tasks); one degree of freedom is left to the score. Residuals made anew in every resample
    of eight recipes would scatter so much that nothing could ever be found. Drops are of test rows, signs of selection
    rows.

    Args:
        measurements: The long table.
        response: What the worst policy costs; ``equalized_drop`` for what is left after equalization.
        num_resamples: Resamples.
        confidence: Of the intervals.

    Returns:
        One row for each task (``""``: all, where there are several), precision (``""``: combined) and sign, with
        ``chance``, the p value of no relation, ``family_chance``, the same for all signs of this task and precision
        together (Holm), and ``without_accuracy``, the correlation without the score held equal. ``descriptive`` says
        that there were fewer than eight recipes; ``status`` is ``undefined`` where there is no correlation.

    Source:
        Resampling two crossed factors: Owen 2007, Annals of Applied Statistics 1, 386.
    """
    table = _cells(measurements, response)
    tasks = list(dict.fromkeys(table.task))
    frames = []
    for task in ["", *tasks] if len(tasks) > 1 else tasks:
        own = table[table.task == task] if task else table
        for precision in ["", *dict.fromkeys(own.precision)]:
            some = own[own.precision == precision] if precision else own
            frames.append(_signs_of(some, (task, precision), num_resamples, confidence))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(COLUMNS))


def _cells(measurements: pd.DataFrame, response: str) -> pd.DataFrame:
    """One row for each cell and sign: ``x`` the sign, ``y`` the drop, ``z`` the clean score."""
    tested, chosen = on_split(measurements, "test"), on_split(measurements, "selection")
    drops = tested[(tested.measure == response) & (tested.condition == "") & (tested.status == "ok")]
    drops = drops[drops.precision != ""].groupby(CELL, sort=False).value.mean().rename("y").reset_index()
    if drops.empty:
        return pd.DataFrame(columns=[*CELL, "predictor", "kind", "x", "y", "z"])
    scores = [criterion_values(task, clean_criterion(score_of(task))) for _, task in tested.groupby("task", sort=False)]
    accuracy = pd.concat(scores, ignore_index=True)
    accuracy = accuracy[accuracy.status == "ok"].rename(columns={"value": "z"})[[*CELL, "z"]]
    signs = warning_signs(chosen)
    signs = signs[signs.status == "ok"].rename(columns={"value": "x"})[[*CELL, "predictor", "kind", "x"]]
    return signs.merge(drops, on=CELL).merge(accuracy, on=CELL)


def _signs_of(cells: pd.DataFrame, place: tuple[str, str], num_resamples: int, confidence: float) -> pd.DataFrame:
    """All signs of some cells, with one correction for all of them."""
    rows = []
    for (predictor, kind), own in cells.groupby(["predictor", "kind"], sort=False):
        group = _Group.of(own)
        found = group.correlated(num_resamples, confidence)
        rows.append((*place, predictor, kind, *found, *group.counts))
    names = [name for name in COLUMNS if name not in ("family_chance", "descriptive", "status")]
    frame = pd.DataFrame(rows, columns=names)
    known = np.isfinite(frame.value.to_numpy(dtype=float))
    frame = frame.assign(
        family_chance=holm(frame.chance.to_numpy(dtype=float)),
        descriptive=(frame.num_recipes > 0) & (frame.num_recipes < ENOUGH_RECIPES),
        status=np.where(known, "ok", "undefined"),
    )
    return frame[list(COLUMNS)]


@dataclass(frozen=True)
class _Group:
    """Cells with a sign: values [cells] and the numbers of their tasks, recipes and strata [cells]."""

    x: Array
    y: Array
    z: Array
    task: NDArray[np.intp]
    recipe: NDArray[np.intp]
    stratum: NDArray[np.intp]

    @classmethod
    def of(cls, cells: pd.DataFrame) -> _Group:
        """From columns ``x``, ``y``, ``z`` and those of cells; what is not finite is left out."""
        cells = cells[np.isfinite(cells[["x", "y", "z"]].to_numpy(dtype=float)).all(1)]
        x, y, z = (cells[name].to_numpy(dtype=float) for name in ("x", "y", "z"))
        task, recipe = (pd.factorize(cells[name])[0] for name in ("task", "recipe"))
        return cls(x, y, z, task, recipe, cells.groupby(["task", "precision"], sort=False).ngroup().to_numpy())

    @property
    def counts(self) -> tuple[int, int, int]:
        """Recipes, cells and strata."""
        return len(np.unique(self.recipe)), len(self.x), len(np.unique(self.stratum))

    def weights(self, num_resamples: int) -> tuple[NDArray[np.intp], Array]:
        """Cluster of every cell, and how often each cluster counts [1 + resamples, clusters]; tasks times recipes."""
        recipes, tasks = len(np.unique(self.recipe)), len(np.unique(self.task))
        drawn = resampled_clusters(recipes, num_resamples=num_resamples, seed=seed_of("policy warnings", recipes))
        of_tasks = np.ones((len(drawn), tasks))
        if tasks > 1:
            seed = seed_of("policy warnings", "tasks", tasks)
            of_tasks = resampled_clusters(tasks, num_resamples=num_resamples, seed=seed)
        crossed = (of_tasks[:, :, None] * drawn[:, None, :]).reshape(len(drawn), -1)
        return self.task * recipes + self.recipe, crossed

    def correlated(self, num_resamples: int, confidence: float) -> tuple[float, float, float, float, float]:
        """Partial correlation, interval, p value, and the correlation without the score held equal."""
        recipes = self.counts[0]
        if recipes < 3:
            return (float("nan"),) * 5
        cluster, weights = self.weights(num_resamples)
        x, y, z = (self._ranks(values) for values in (self.x, self.y, self.z))
        plain = self._resampled(x, y, np.ones((1, len(x))))
        at_equal_score = self._resampled(_rest(x, z), _rest(y, z), weights[:, cluster])
        ends = interval(at_equal_score, num_clusters=recipes - 1, confidence=confidence)
        value, low, high = float(at_equal_score[0]), float(ends[0]), float(ends[1])
        chance = _chance(value, low, high, freedom=recipes - 2, confidence=confidence)
        return value, low, high, chance, float(plain[0])

    def _ranks(self, values: Array) -> Array:
        """Mid-ranks inside each stratum less their mean [cells]."""
        by_stratum = pd.Series(values).groupby(self.stratum)
        ranks = by_stratum.rank()
        return (ranks - ranks.groupby(self.stratum).transform("mean")).to_numpy()

    def _resampled(self, x: Array, y: Array, weights: Array) -> Array:
        """Correlation of two variables around their means in each stratum, for weights [resamples, cells]."""
        common, own_x, own_y = (np.zeros(len(weights)) for _ in range(3))
        for number in np.unique(self.stratum):
            here = self.stratum == number
            w = weights[:, here]
            total = np.maximum(w.sum(1, keepdims=True), 1.0)
            of_x, of_y = (each[here] - (w @ each[here])[:, None] / total for each in (x, y))
            common += (w * of_x * of_y).sum(1)
            own_x += (w * of_x**2).sum(1)
            own_y += (w * of_y**2).sum(1)
        room = own_x * own_y
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(room > SMALLEST, np.clip(common / np.sqrt(room), -1.0, 1.0), np.nan)


def _rest(values: Array, score: Array) -> Array:
    """What the score's ranks do not explain of a variable's [cells]; all of it where all scores are equal."""
    room = float(score @ score)
    return values if room == 0 else values - score * float(values @ score) / room


def _chance(value: float, low: float, high: float, *, freedom: int, confidence: float) -> float:
    """Two-sided p value of no relation: that of the confidence at which the interval would end at 0."""
    from scipy import stats  # takes a second: only where there is something to test

    if not np.isfinite([value, low, high]).all():
        return float("nan")
    value, low, high = np.arctanh(np.clip([value, low, high], -0.9999999, 0.9999999))
    half = (high - low) / 2
    if half <= 0:
        return float("nan")
    return float(2 * stats.t.sf(abs(value) / half * float(t_quantile(confidence, freedom)), freedom))
