"""What the measurements say about a published claim: means and contrasts over seeds, relations over recipes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from lowland.analysis import intervals
from lowland.analysis.rank_correlation import coefficient, interval, resampled_clusters, spearman_moments
from lowland.randomness import seed_of

HELD, NOT_HELD, UNCLEAR, MISSING = "held", "not held", "cannot tell", "not measured"
CELL = ["recipe", "seed", "precision"]
ENOUGH_RECIPES = 8
RESAMPLES = 1000

Array = NDArray[np.float64]


class Interval(NamedTuple):
    """A mean with its 95 % interval (NaN where there is none) and how many values are behind it."""

    mean: float
    low: float
    high: float
    number: int

    @property
    def verdict(self) -> str:
        """Of the claim that it is above zero."""
        if not self.number:
            return MISSING
        return HELD if self.low > 0 else NOT_HELD if self.high < 0 else UNCLEAR


NOTHING = Interval(np.nan, np.nan, np.nan, 0)


def t_interval(values: Sequence[float] | Array) -> Interval:
    """mean ± t(n - 1)·s/√n of independent values, those of seeds; numbers that are none are left out."""
    return Interval(*intervals.t_interval(values), int(np.isfinite(np.asarray(values, dtype=float)).sum()))


def jackknife(pairs: dict[frozenset[str], float]) -> Interval:
    """The mean over pairs of seeds; its error by leaving out one seed at a time, for pairs share seeds.

    Args:
        pairs: Names of two seeds -> value. Three seeds at least give an interval.
    """
    values = {pair: value for pair, value in pairs.items() if np.isfinite(value)}
    seeds = sorted(set().union(*values)) if values else []
    if not values:
        return NOTHING
    mean = float(np.mean(list(values.values())))
    without = [[value for pair, value in values.items() if seed not in pair] for seed in seeds]
    if len(seeds) < 3 or not all(without):
        return Interval(mean, np.nan, np.nan, len(seeds))
    means = np.array([np.mean(left) for left in without])
    count = len(seeds)
    error = np.sqrt((count - 1) / count * ((means - means.mean()) ** 2).sum())
    half = stats.t.ppf(0.975, count - 1) * error
    return Interval(mean, mean - half, mean + half, count)


def by_bits(
    rows: pd.DataFrame, *, recipe: str, family: str, measure: str, condition: str = "", level: float | None = None
) -> pd.DataFrame:
    """Values of a recipe's QAT cells [bits, seeds]; over several levels their mean, where all of them are ``ok``.

    Args:
        rows: The long table of one task.
        recipe: Its name.
        family: Of the rows.
        measure: Of the rows.
        condition: Of the rows.
        level: One of them; all without it.
    """
    chosen = rows[
        (rows.recipe == recipe)
        & (rows.method == "qat")
        & (rows.family == family)
        & (rows.measure == measure)
        & (rows.condition == condition)
        & (rows.target == "")
        & (rows.reference == "")
    ]
    if level is not None:
        chosen = chosen[chosen.level == level]
    values = chosen.value.where(chosen.status == "ok")
    return (
        chosen.assign(value=values)
        .groupby(["weight_bits", "seed"])["value"]
        .agg(lambda v: v.mean(skipna=False))
        .unstack("seed")
    )


def at(table: pd.DataFrame, bits: int | None) -> pd.Series:
    """One bit width's values by seed; none where it was not measured."""
    return table.loc[bits] if bits in table.index else pd.Series(dtype=float)


def contrast(first: pd.Series, second: pd.Series) -> Interval:
    """First minus second of the seeds that both have: seeds share initial weights and batches across recipes."""
    return t_interval((first - second).dropna().to_numpy(dtype=float))


def best_inside(scores: pd.DataFrame, inside: Sequence[int], *, higher_is_better: bool) -> Interval:
    """How much better the best bit width of some is than the best of all others, seed by seed.

    Which width is the best is decided on the other seeds: the best of many on the seed itself would be the luckiest,
    and of more widths a luckier one. The choices of two seeds share the other seeds, so that differences hang together;
    their mean has the variance s²(1/n + 1/(n - 1)). A width that no seed has is left out; so is a seed that lacks one
    of the rest.

    Args:
        scores: [bits, seeds].
        inside: Bit widths that are said to be the best.
        higher_is_better: Direction of the scores.

    Source:
        The variance: Nadeau and Bengio, Machine Learning 52 (2003) 239, section 5, for one seed left out.
    """
    merits = (scores if higher_is_better else -scores).dropna(how="all").dropna(axis=1)
    chosen = merits.index.isin(list(inside))
    groups = merits[chosen], merits[~chosen]
    if any(group.empty for group in groups):
        return NOTHING
    found = contrast(*(_best_by_others(group) for group in groups))
    if found.number < 2:
        return found
    half = (found.high - found.mean) * np.sqrt(1 + found.number / (found.number - 1))
    return found._replace(low=found.mean - half, high=found.mean + half)


def _best_by_others(merits: pd.DataFrame) -> pd.Series:
    """Each seed's value at the row that is the best on average of the other seeds."""
    if merits.shape[1] == 1:
        return merits.max()
    return pd.Series(
        {seed: merits.loc[merits.drop(columns=seed).mean(axis=1).idxmax(), seed] for seed in merits.columns}
    )


def seed_pairs(rows: pd.DataFrame, recipe: str, target: str = "") -> dict[int, dict[frozenset[str], float]]:
    """Bits -> pair of seeds -> CKA, of a recipe's QAT cells; of a layer, where ``target`` names one."""
    chosen = rows[
        (rows.recipe == recipe)
        & (rows.method == "qat")
        & (rows.measure == "cka")
        & (rows.target == target)
        & (rows.reference != "")
        & (rows.status == "ok")
    ]
    return {int(bits): pairs_of(part) for bits, part in chosen.groupby("weight_bits")}


def pairs_of(rows: pd.DataFrame) -> dict[frozenset[str], float]:
    """Pair of seeds -> value, of rows that each compare a cell with that of another seed."""
    pairs = zip(rows.seed, rows.reference, rows.value, strict=True)
    return {frozenset({seed, reference.split(".")[2]}): float(value) for seed, reference, value in pairs}


def over_bits(pairs: dict[int, dict[frozenset[str], float]]) -> dict[frozenset[str], float]:
    """Each pair's mean over the bit widths, where it has all of them."""
    every = set().union(*pairs.values()) if pairs else set()
    return {pair: float(np.mean([p.get(pair, np.nan) for p in pairs.values()])) for pair in every}


class Relation(NamedTuple):
    """Rank correlations of predictors with one response, and the study's resamples of its recipes.

    Attributes:
        resampled: Predictor -> [1 + resamples], the study's own first.
        num_recipes: That were resampled.
    """

    resampled: dict[str, Array]
    num_recipes: int

    def of(self, name: str) -> Interval:
        """One predictor's coefficient."""
        if name not in self.resampled:
            return NOTHING
        values = self.resampled[name]
        low, high = interval(values, num_clusters=self.num_recipes)
        return Interval(float(values[0]), float(low), float(high), self.num_recipes)

    def lead(self, first: str, second: str) -> Interval:
        """By how much |ρ| of one predictor exceeds that of another, both from the same resamples."""
        if not {first, second} <= self.resampled.keys():
            return NOTHING
        differences = np.abs(self.resampled[first]) - np.abs(self.resampled[second])
        half = stats.t.ppf(0.975, self.num_recipes - 1) * np.nanstd(differences[1:], ddof=1)
        mean = float(differences[0])
        return Interval(mean, mean - half, mean + half, self.num_recipes)


NO_RELATION = Relation({}, 0)


def relation(
    predicting: pd.DataFrame, rises: pd.DataFrame, names: Sequence[str], *, family: str, condition: str
) -> Relation:
    """Spearman's coefficients within precisions of predictors with the loss rise under one disturbance.

    Args:
        predicting: From ``lowland.analysis.predictors`` for one task.
        rises: From ``lowland.analysis.responses``.
        names: Predictors; those that were not measured are left out.
        family: Of the disturbance.
        condition: Of the disturbance.

    Returns:
        An empty one where fewer than three recipes have the numbers.
    """
    here = rises[(rises.family == family) & (rises.condition == condition)]
    good = predicting[predicting.predictor.isin(list(names)) & predicting.value.notna()]
    if here.empty or good.empty:
        return NO_RELATION
    table = good.pivot(index=CELL, columns="predictor", values="value")
    joined = table.join(here.set_index(CELL)["value"].rename("rise"), how="inner").dropna().reset_index()
    num_recipes = joined.recipe.nunique()
    if num_recipes < 3:
        return NO_RELATION
    cluster, stratum = pd.factorize(joined.recipe)[0], pd.factorize(joined.precision)[0]
    weights = resampled_clusters(num_recipes, num_resamples=RESAMPLES, seed=seed_of("published", condition))
    x, y = joined[list(table.columns)].to_numpy(float).T, joined[["rise"]].to_numpy(float).T
    strata = [stratum == number for number in np.unique(stratum)]
    moments = [spearman_moments(x[:, part], y[:, part], cluster[part], weights) for part in strata]
    return Relation(dict(zip(table.columns, coefficient(moments)[:, :, 0].T, strict=True)), num_recipes)
