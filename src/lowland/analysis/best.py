"""Which configurations may be the best: multiple comparisons with the best over seeds that all of them share."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FAR = 0.01
"""Level, over all configurations together, at which one's variance counts as far larger than that of the others."""


def may_be_best(values: pd.DataFrame, *, higher_is_better: bool = True, confidence: float = 0.95) -> pd.Series:
    r"""Whether each configuration may be the best, for what its seeds and those of the others say.

    All configurations of a seed begin with the same weights and batches, so seeds are the blocks of a randomised block
    design: :math:`y_{is} = \mu_i + \beta_s + \epsilon_{is}`, whose error variance is pooled over all k configurations
    with :math:`\nu = (k - 1)(S - 1)` degrees of freedom. A configuration may be the best unless it falls short of
    another by more than :math:`d\,\sqrt{2\,\mathrm{MSE}/S}`, d being the one-sided critical value of k - 1 comparisons
    with correlation 1/2. All together are right with the confidence: the truly best is then among them.

    A configuration that spreads far more than the others (``spread_apart``) would widen this for all. It does not
    enter the pooled variance; it is compared with every other by the paired t-test of their seeds, at a level divided
    by the number of comparisons.

    Args:
        values: [configurations, seeds]; seeds that lack a number of any configuration are left out.
        higher_is_better: Otherwise the lowest is the best.
        confidence: Between 0 and 1.

    Returns:
        By configuration; true for all where fewer than two seeds are shared, since nothing can be told apart then.

    Source:
        Hsu 1984, Annals of Statistics 12, 1136; Hsu 1996, Multiple Comparisons, chapter 4 (blocks: chapter 7).
    """
    shared = values.dropna(axis=1)
    count, seeds = shared.shape
    if seeds < 2 or count < 2:
        return pd.Series(True, index=values.index)
    scores = shared.to_numpy(dtype=float) * (1 if higher_is_better else -1)
    behind = scores.mean(1)[None, :] - scores.mean(1)[:, None]  # [i, j]: how far i falls short of j
    # Means of equal numbers differ in their last digits.
    rounding = 1e-12 * np.abs(scores).max()
    open_still = behind <= _allowed(scores, spread_apart(scores), seeds, confidence) + rounding
    return pd.Series(open_still.all(1), index=values.index)


def seeds_to_tell(
    values: pd.DataFrame, ahead: Hashable, behind: Hashable, *, most: int, confidence: float = 0.95
) -> int | None:
    """The fewest seeds with which ``may_be_best`` would tell two configurations apart, if means and spreads stay.

    Args:
        values: [configurations, seeds], all that are compared; seeds that lack a number are left out.
        ahead: Label of the one with the better mean.
        behind: Label of the other.
        most: So many are not asked for; above that the answer is None.
        confidence: Between 0 and 1, over all configurations together.

    Returns:
        At least 2; None where even ``most`` would not, where the means are equal, and with fewer than two seeds that
        all share, since then nothing says how far seeds spread.
    """
    shared = values.dropna(axis=1)
    if min(shared.shape) < 2:
        return None
    scores = shared.to_numpy(dtype=float)
    apart = spread_apart(scores)
    i, j = (shared.index.get_loc(label) for label in (behind, ahead))
    distance = abs(float(scores[j].mean() - scores[i].mean()))

    def told(seeds: int) -> bool:
        return distance > _allowed(scores, apart, seeds, confidence)[i, j] + 1e-12 * np.abs(scores).max()

    if not told(most):
        return None
    return bisect_left(range(2, most + 1), True, key=told) + 2  # more seeds always allow less


def spread_apart(scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    r"""Configurations whose residuals from the additive model of blocks are far larger than those of the others.

    The residual sum of squares falls by a part with S - 1 degrees of freedom when a configuration is left out, which is
    independent of what is left: their ratio is an F variable. The largest is set apart where its F passes a level of
    ``FAR`` over the number of configurations, and so on among the others.

    Args:
        scores: [configurations, seeds], two seeds at least.

    Returns:
        [configurations]; false for all of two, of which none can be told to be the larger.
    """
    from scipy import stats  # takes a second: only where configurations are compared

    count, seeds = scores.shape
    apart = np.zeros(count, dtype=bool)
    while (left := int((~apart).sum())) > 2:
        alike = np.flatnonzero(~apart)
        whole = (_residuals(scores[alike]) ** 2).sum()
        without = np.array([(_residuals(scores[np.delete(alike, place)]) ** 2).sum() for place in range(left)])
        place = int(np.argmin(without))
        own, others = (whole - without[place]) / (seeds - 1), without[place] / ((left - 2) * (seeds - 1))
        if own <= others * stats.f.isf(FAR / count, seeds - 1, (left - 2) * (seeds - 1)):
            break
        apart[alike[place]] = True
    return apart


@cache
def one_sided_critical_value(comparisons: int, freedom: float, confidence: float) -> float:
    r"""Dunnett's d: of so many t variables with correlation 1/2 none exceeds it with the confidence.

    With one normal :math:`z_0` that all comparisons share, and a standard deviation s that they share, the probability
    is :math:`E_{s,z_0}\,\Phi(\sqrt{2}\,d\,s + z_0)^{m}`, computed by quadrature: without the noise that
    ``scipy.stats.multivariate_t``, which integrates by random points, has for many comparisons.

    Args:
        comparisons: m.
        freedom: Degrees of freedom of s.
        confidence: Between 0 and 1.

    Source:
        Dunnett 1955, Journal of the American Statistical Association 50, 1096.
    """
    from scipy import optimize, special, stats  # takes a second: only where configurations are compared

    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    levels, shares = np.polynomial.legendre.leggauss(200)
    scale = np.sqrt(stats.chi2.ppf((levels + 1) / 2, freedom) / freedom)

    def excess(critical: float) -> float:
        inside = special.ndtr(np.sqrt(2) * critical * scale[:, None] + nodes[None, :]) ** comparisons
        return float(shares @ (inside @ weights)) / 2 - confidence

    most = float(stats.t.isf((1 - confidence) / comparisons, freedom))  # Bonferroni's is never smaller
    return float(optimize.brentq(excess, 0.0, most * (1 + 1e-6), xtol=1e-10))


def _residuals(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """From the additive model of configurations and seeds."""
    return scores - scores.mean(1, keepdims=True) - scores.mean(0, keepdims=True) + scores.mean()


def _allowed(
    scores: NDArray[np.float64], apart: NDArray[np.bool_], seeds: int, confidence: float
) -> NDArray[np.float64]:
    """[i, j]: how far i may fall short of j and may still be the best, with so many seeds that spread as these do."""
    count = len(scores)
    allowed = _paired(scores, seeds, 1 - (1 - confidence) / (count - 1))
    alike = np.flatnonzero(~apart)
    if len(alike) > 1:
        variance = (_residuals(scores[alike]) ** 2).sum() / ((len(alike) - 1) * (scores.shape[1] - 1))
        critical = one_sided_critical_value(count - 1, (len(alike) - 1) * (seeds - 1), confidence)
        allowed[np.ix_(alike, alike)] = critical * np.sqrt(2 * variance / seeds)
    return allowed


def _paired(scores: NDArray[np.float64], seeds: int, confidence: float) -> NDArray[np.float64]:
    """[i, j]: how far i may fall short of j for the paired one-sided t-test of so many seeds to leave it open."""
    from scipy import stats  # takes a second: only where configurations are compared

    differences = scores[:, None, :] - scores[None, :, :]
    spread = differences.std(2, ddof=1)
    return np.asarray(stats.t.ppf(confidence, seeds - 1) * spread / np.sqrt(seeds))
