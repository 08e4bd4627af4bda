"""How well does matched curvature predict, against simple baselines, and where does it fail?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lowland.analysis.prediction_points import BASELINES, MATCHED
from lowland.analysis.rank_correlation import Array, resampled_clusters
from lowland.randomness import seed_of

EVERY = "all precisions"
WITHIN = "within precision"
COLUMNS = (
    *("task", "condition", "level", "scope", "predictor", "matched", "r_squared", "r_squared_low", "r_squared_high"),
    *("slope", "one_to_one", "median_ratio", "spearman", "ceiling", "num_points", "num_not_positive", "num_not_ok"),
    "num_recipes",
)


def prediction_fits(points: pd.DataFrame, *, num_resamples: int = 400, confidence: float = 0.95) -> pd.DataFrame:
    """Log-log fits of measured against predicted loss rise, for the matched curvature and its baselines.

    For every condition, each level alone and all levels together (``level`` NaN), and for the scopes ``all
    precisions``, ``within precision`` (an own intercept per precision: what is left once the precision is known) and
    every single precision. With several levels in one fit each level has its own intercept, so that R² is not won by
    knowing that 100 flips hurt more than one. All predictors are fitted to the same points.

    Baselines get a free slope and intercept. The matched curvature is given the same fit, and the harder test beside
    it: ``one_to_one``, R² of measured against predicted as it stands, 1 - Σ(log y - log ŷ)²/Σ(log y - mean)², negative
    where the mean would have done better.

    Args:
        points: From ``prediction_points``.
        num_resamples: Resamples of recipes for the percentile intervals of R² (these are bounded; read them as
            spread, not as a test).
        confidence: Of the intervals.

    Returns:
        One row per task, condition, level, scope, predictor: matched (bool), r_squared, r_squared_low, r_squared_high,
        slope, one_to_one, median_ratio (measured / predicted; matched only), spearman (all ``ok`` points, stratified as
        the intercepts are), ceiling (the R² a perfect predictor would reach if the standard errors of the measured
        values were independent; pessimistic, for the draws are common to all cells and most of their error with
        them: R² may exceed it), num_points, num_not_positive (``ok`` but without a logarithm: left out of R², kept in
        Spearman), num_not_ok, num_recipes.
    """
    records = []
    for (task, condition), group in points.groupby(["task", "condition"], sort=False):
        names = ["predicted", *BASELINES[str(condition)]]
        for level, scope, part, intercepts in _parts(group):
            ok = (part.status == "ok").to_numpy()
            positive = ok & (part.measured > 0).to_numpy() & (part[names] > 0).all(axis=1).to_numpy()
            recipes, cluster = np.unique(part.recipe.to_numpy()[positive], return_inverse=True)
            common = {
                "task": task,
                "condition": condition,
                "level": level,
                "scope": scope,
                "num_points": int(positive.sum()),
                "num_not_positive": int((ok & ~positive).sum()),
                "num_not_ok": int((~ok).sum()),
                "num_recipes": len(recipes),
            }
            weights = resampled_clusters(
                max(len(recipes), 1), num_resamples=num_resamples, seed=seed_of("prediction", str(task), len(recipes))
            )
            y = np.log(part.measured.to_numpy(dtype="float64", na_value=np.nan)[positive])
            error = (part.standard_error / part.measured).to_numpy(dtype="float64")[positive]
            ceiling = _ceiling(y, error, intercepts[positive])
            ranks = _centred_ranks(part.loc[ok, ["measured", *names]], intercepts[ok])
            for name in names:
                matched = name == "predicted"
                x = part[name].to_numpy(dtype="float64")
                slopes, r_squared = _fit(_logarithm(name, x[positive]), y, intercepts[positive], cluster, weights)
                low, high = _percentiles(r_squared[1:], len(recipes), confidence)
                records.append(
                    {
                        **common,
                        "predictor": MATCHED[str(condition)] if matched else name,
                        "matched": matched,
                        "r_squared": r_squared[0],
                        "r_squared_low": low,
                        "r_squared_high": high,
                        "slope": slopes[0],
                        "one_to_one": _one_to_one(np.log(x[positive]), y, intercepts[positive]) if matched else np.nan,
                        "median_ratio": _median_ratio(part.measured.to_numpy(dtype="float64"), x, ok)
                        if matched
                        else np.nan,
                        "spearman": _correlation(ranks[name], ranks["measured"]),
                        "ceiling": ceiling,
                    }
                )
    return pd.DataFrame.from_records(records, columns=list(COLUMNS))


def _parts(group: pd.DataFrame) -> Iterator[tuple[float, str, pd.DataFrame, NDArray[np.intp]]]:
    """Level (NaN: all), scope, rows and the index of each row's intercept."""
    for level in (np.nan, *sorted(group.level.unique())):
        here = group if np.isnan(level) else group[group.level == level]
        by_level = pd.factorize(here.level)[0]
        by_precision = pd.factorize(here.precision)[0]
        yield level, EVERY, here, by_level
        yield level, WITHIN, here, by_level * (by_precision.max() + 1) + by_precision
        for precision in here.precision.unique():
            rows = (here.precision == precision).to_numpy()
            yield level, str(precision), here[rows], by_level[rows]


def _logarithm(name: str, x: Array) -> Array:
    """Bits are a logarithm already: the step they stand for is 2 to the minus bits."""
    return x if name == "weight_bits" else np.log(x)


def _fit(
    x: Array, y: Array, intercepts: NDArray[np.intp], cluster: NDArray[np.intp], weights: Array
) -> tuple[Array, Array]:
    """Slope and R² about the intercepts' own means, for every resample of the clusters: [resamples] each."""
    groups, group = np.unique(intercepts, return_inverse=True)
    products = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y])
    shape = (weights.shape[1], max(len(groups), 1))
    place = cluster * shape[1] + group
    sums = np.stack([np.bincount(place, product, shape[0] * shape[1]).reshape(shape) for product in products])
    count, sx, sy, sxx, sxy, syy = weights @ sums
    count = np.maximum(count, 1.0)
    xx, xy, yy = (sxx - sx**2 / count).sum(1), (sxy - sx * sy / count).sum(1), (syy - sy**2 / count).sum(1)
    enough = (xx > 1e-12) & (yy > 1e-12) & (len(x) >= len(groups) + 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(enough, xy / xx, np.nan), np.where(enough, np.clip(xy**2 / (xx * yy), 0.0, 1.0), np.nan)


def _one_to_one(log_predicted: Array, log_measured: Array, intercepts: NDArray[np.intp]) -> float:
    total = ((log_measured - _group_means(log_measured, intercepts)) ** 2).sum()
    return float(1 - ((log_measured - log_predicted) ** 2).sum() / total) if total > 1e-12 else np.nan


def _ceiling(log_measured: Array, relative_error: Array, intercepts: NDArray[np.intp]) -> float:
    total = ((log_measured - _group_means(log_measured, intercepts)) ** 2).sum()
    noise = np.minimum(relative_error, 1.0) ** 2
    return float(np.clip(1 - noise.sum() / total, 0.0, 1.0)) if total > 1e-12 else np.nan


def _group_means(values: Array, groups: NDArray[np.intp]) -> Array:
    _, group = np.unique(groups, return_inverse=True)
    if not len(values):
        return values
    return (np.bincount(group, values) / np.bincount(group))[group]


def _median_ratio(measured: Array, predicted: Array, ok: NDArray[np.bool_]) -> float:
    ratios = measured[ok & (predicted > 0)] / predicted[ok & (predicted > 0)]
    return float(np.median(ratios)) if len(ratios) else np.nan


def _centred_ranks(values: pd.DataFrame, strata: NDArray[np.intp]) -> dict[str, Array]:
    """Mid-ranks inside each stratum, minus their mean, column by column."""
    ranks = values.groupby(strata).rank()
    centred = ranks - ranks.groupby(strata).transform("mean")
    return {str(name): centred[name].to_numpy() for name in centred}


def _correlation(x: Array, y: Array) -> float:
    product = (x @ x) * (y @ y)
    return float(x @ y / np.sqrt(product)) if len(x) > 2 and product > 0 else np.nan


def _percentiles(values: Array, num_recipes: int, confidence: float) -> tuple[float, float]:
    good = values[np.isfinite(values)]
    if num_recipes < 3 or not len(good):
        return np.nan, np.nan
    low, high = np.quantile(good, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)
