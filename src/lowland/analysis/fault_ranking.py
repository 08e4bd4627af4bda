"""How well numbers of a network predict what single flips cost it: reliability of the truth, relations, differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lowland.analysis.intervals import t_quantile
from lowland.analysis.rank_correlation import coefficient, interval, resampled_clusters, spearman_moments

Array = NDArray[np.float64]
Columns = str | Sequence[str]
"""A predictor: a column, or several that are draws of one and whose coefficients are averaged."""


def reliability(rises: Array, *, num_resamples: int = 500, seed: int = 0) -> float:
    """How much of the spread of a truth between networks is theirs, and not that of the rows it was measured on.

    1 - error variance / variance of the logarithm of the mean rise between networks. All networks are measured on the
    same rows: the error is that of differences between networks, and comes from a bootstrap of rows.

    Args:
        rises: What flips cost each network in each row [networks, rows], means over flips.
        num_resamples: Of the rows.
        seed: Of the resamples.

    Returns:
        At most 1, and below 0 where rows explain more than there is; NaN for fewer than three networks, or where a mean
        rise is not positive in the rows or in a resample.

    Source:
        Cronbach et al., "The dependability of behavioral measurements", 1972.
    """
    networks, rows = rises.shape
    if networks < 3:
        return float("nan")
    counts = np.random.default_rng(seed).multinomial(rows, np.full(rows, 1 / rows), num_resamples)
    means, resampled = rises.mean(1), rises @ counts.T / rows
    if (means <= 0).any() or (resampled <= 0).any():
        return float("nan")
    logs = np.log(resampled)
    error = (logs - logs.mean(0)).var(1, ddof=1).mean() * networks / (networks - 1)
    spread = np.log(means).var(ddof=1)
    return float(1 - error / spread) if spread > 0 else float("nan")


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % interval; NaN where there is none."""

    value: float
    low: float
    high: float

    @property
    def surely_above(self) -> bool:
        """Whether all of it is above zero."""
        return self.low > 0

    @property
    def surely_below(self) -> bool:
        """Whether all of it is below zero."""
        return self.high < 0


@dataclass(frozen=True)
class Relations:
    """What one predictor says of the truth.

    Attributes:
        rho: Spearman's coefficient inside strata.
        behind: Coefficient of the reference minus this one.
        partial: Coefficient with the controlled predictor held fixed.
    """

    rho: Interval
    behind: Interval
    partial: Interval


@dataclass(frozen=True)
class Comparison:
    """What predictors are held against.

    Attributes:
        truth: Column.
        strata: Columns inside whose combinations ranks are formed.
        cluster: Column that names what is drawn together.
        reference: Predictor that the others are held against.
        control: Predictor that is held fixed in ``partial``.
    """

    truth: str
    strata: Sequence[str]
    cluster: str
    reference: str
    control: str


def relations(
    networks: pd.DataFrame,
    predictors: Mapping[str, Columns],
    compared: Comparison,
    *,
    num_resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Relations]:
    """Rank correlations of predictors with a truth, their differences and what each adds to one of them.

    Ranks are formed inside strata and pooled. Clusters are drawn with replacement, with all their networks in all
    strata: networks that were trained alike count as one.

    Args:
        networks: One row each.
        predictors: By name; signs are as they come.
        compared: With what, and how.
        num_resamples: Of the clusters.
        seed: Of the resamples.

    Raises:
        KeyError: A reference or control that is no predictor.
    """
    reference, control = compared.reference, compared.control
    codes, names = pd.factorize(networks[compared.cluster])
    weights = resampled_clusters(len(names), num_resamples=num_resamples, seed=seed)
    columns = {name: [columns] if isinstance(columns, str) else list(columns) for name, columns in predictors.items()}
    flat = [column for each in columns.values() for column in each]
    truth_moments, control_moments = [], []
    controls = columns[control]
    for place in networks.groupby(list(compared.strata), sort=False).indices.values():
        stratum = networks.iloc[place]
        x = stratum[flat].to_numpy(dtype=float).T
        y = stratum[[compared.truth]].to_numpy(dtype=float).T
        z = stratum[controls].to_numpy(dtype=float).T
        truth_moments.append(spearman_moments(x, y, codes[place], weights))
        control_moments.append(spearman_moments(x, z, codes[place], weights))
    with_truth = coefficient(truth_moments)[:, :, 0]
    with_control = coefficient(control_moments).mean(2)
    number = {name: [flat.index(column) for column in each] for name, each in columns.items()}
    rho = {name: with_truth[:, places].mean(1) for name, places in number.items()}
    beside = {name: with_control[:, places].mean(1) for name, places in number.items()}
    found = {}
    for name in columns:
        with np.errstate(divide="ignore", invalid="ignore"):
            partial = (rho[name] - rho[control] * beside[name]) / np.sqrt(
                (1 - rho[control] ** 2) * (1 - beside[name] ** 2)
            )
        own = name == control
        found[name] = Relations(
            _bent(rho[name], len(names)),
            _straight(rho[reference] - rho[name], len(names)),
            Interval(*(float("nan"),) * 3) if own else _bent(np.clip(partial, -1, 1), len(names)),
        )
    return found


def _bent(coefficients: Array, num_clusters: int) -> Interval:
    """The study's own coefficient with an interval that ends at -1 and 1."""
    low, high = interval(coefficients, num_clusters=num_clusters)
    return Interval(float(coefficients[0]), float(low), float(high))


def _straight(differences: Array, num_clusters: int) -> Interval:
    """The study's own difference with a t-interval of the resamples' spread."""
    resampled = differences[1:][np.isfinite(differences[1:])]
    if num_clusters < 3 or len(resampled) < 2:
        return Interval(float(differences[0]), float("nan"), float("nan"))
    half = float(t_quantile(0.95, num_clusters - 1) * resampled.std(ddof=1))
    return Interval(float(differences[0]), float(differences[0]) - half, float(differences[0]) + half)
