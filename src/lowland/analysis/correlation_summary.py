"""The few numbers that sum up a table of correlations."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lowland.analysis.correlation import SCOPES
from lowland.vocabulary.measures import SELECTED

CHANCE = 0.05  # share of 95 % intervals that exclude zero where nothing is related


@dataclass(frozen=True, slots=True)
class BeyondChance:
    """Intervals that exclude zero.

    Attributes:
        intervals: How many there are.
        excluding_zero: How many of them exclude zero.
    """

    intervals: int
    excluding_zero: int

    @property
    def by_chance(self) -> int:
        """How many would exclude zero if nothing were related."""
        return round(CHANCE * self.intervals)


def extremes(correlations: pd.DataFrame, *, statistic: str = "spearman", response: str = "loss_rise") -> pd.DataFrame:
    """The strongest and the weakest correlation of every task and family, within precision.

    Returns:
        The rows of ``correlations`` with the largest and the smallest |value| among the landscape measures and
        baselines whose correlation exists, with ``extreme`` (``strongest`` | ``weakest``).
    """
    rows = correlations[
        (correlations.statistic == statistic)
        & (correlations.response == response)
        & (correlations.scope == SCOPES[0])
        & (correlations.status == "ok")
        & ~correlations.predictor.isin(SELECTED)  # they rest on a few cells: no rank among those of all
    ]
    picked = []
    for _, group in rows.groupby(["task", "family"], sort=False):
        size = group.value.abs()
        picked.append(group.loc[[size.idxmax()]].assign(extreme="strongest"))
        picked.append(group.loc[[size.idxmin()]].assign(extreme="weakest"))
    return pd.concat(picked, ignore_index=True) if picked else rows.assign(extreme="")


def beyond_chance(
    correlations: pd.DataFrame, *, statistic: str = "spearman", response: str = "loss_rise"
) -> BeyondChance:
    """How many intervals within precision exclude zero, and of how many."""
    rows = correlations[
        (correlations.statistic == statistic)
        & (correlations.response == response)
        & (correlations.scope == SCOPES[0])
        & correlations.low.notna()
    ]
    return BeyondChance(intervals=len(rows), excluding_zero=int(((rows.low > 0) | (rows.high < 0)).sum()))
