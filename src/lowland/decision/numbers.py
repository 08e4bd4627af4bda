"""What all configurations of one task reach, by criterion: on the rows that choose and on those that are told."""

from __future__ import annotations

from typing import Any, Literal

import pandas as pd

from lowland.analysis.criteria import CONFIGURATION, Criterion, cells, clean_criterion
from lowland.analysis.over_seeds import by_seed, configurations, with_test_rows
from lowland.analysis.score import score_of
from lowland.decision.gain import gains
from lowland.vocabulary.measures import SELECTED

ENDS = ("low", "high", "seeds_low", "seeds_high")
End = Literal["mean", "worst", "best"]
Subject = tuple[Any, ...]
"""A configuration: task, recipe, precision, method, weight_bits."""


class Numbers:
    """Means and intervals of all configurations, computed once however many questions are asked of them.

    Args:
        measurements: The long table of the task, of the rows that choose.
        reported: The same, of the rows on which the chosen is reported.
    """

    def __init__(self, measurements: pd.DataFrame, reported: pd.DataFrame) -> None:
        self.measurements, self.reported = measurements, reported
        self.score = score_of(measurements)
        self.clean = clean_criterion(self.score)
        self._known: dict[tuple[Criterion, bool], pd.DataFrame] = {}
        self.index = self.of(self.clean).index
        self.gains, self.reported_gains = (gains(table).reindex(self.index) for table in (measurements, reported))
        # What was not measured is not held against anybody.
        self.learned = pd.Series([beats is None or bool(beats) for beats in self.gains.beats], index=self.index)
        self.planned = cells(measurements)["seed"].nunique()

    def of(self, criterion: Criterion, *, reported: bool = False) -> pd.DataFrame:
        """``mean``, the ends of both intervals, ``num_seeds`` and ``num_not_ok`` by configuration."""
        key = criterion, reported
        if key not in self._known:
            table = self.reported if reported else self.measurements
            numbers = with_test_rows(configurations(table, [criterion]), table, [criterion])
            self._known[key] = numbers.set_index(CONFIGURATION)[["mean", *ENDS, "num_seeds", "num_not_ok"]]
        return self._known[key]

    def means(self, criterion: Criterion) -> pd.Series:
        """The means on the rows that choose."""
        return self.of(criterion)["mean"]

    def seeds(self, criterion: Criterion, *, reported: bool = False) -> pd.DataFrame:
        """[configurations, seeds] on the rows that choose, or on those that are told."""
        return by_seed(self.reported if reported else self.measurements, criterion)

    def spare(self, criterion: Criterion, limit: float, end: End, *, reported: bool = False) -> pd.Series:
        """How much better than the limit, at the ``mean`` or an end of the wide interval; NaN: unknown."""
        column = end if end == "mean" else ("low" if criterion.higher_is_better == (end == "worst") else "high")
        values = self.of(criterion, reported=reported)[column]
        return values - limit if criterion.higher_is_better else limit - values

    def surely(self, criterion: Criterion, limit: float) -> pd.Series:
        """Which configurations hold the limit with their whole interval and in every seed."""
        return (self.spare(criterion, limit, "worst") >= 0) & (self.of(criterion).num_not_ok == 0)

    def num_planned(self, criterion: Criterion) -> int:
        """Seeds of which it was to be taken: some measures are taken of the cells that parameters select."""
        rows = self.measurements[self.measurements.measure == criterion.measure]
        return rows["seed"].nunique() if criterion.measure in SELECTED else self.planned

    def best_first(self, criterion: Criterion, candidates: pd.Index) -> list[Subject]:
        """Candidates by their means."""
        means = self.means(criterion).loc[candidates]
        return list(means.sort_values(ascending=not criterion.higher_is_better, kind="stable").index)

    @property
    def is_scored(self) -> pd.Series:
        """Which configurations have a score on undisturbed rows."""
        return self.means(self.clean).notna()


def about(criterion: Criterion) -> dict[str, Any]:
    """What a reader of its numbers must know of a criterion."""
    return {
        "label": criterion.label,
        "measure": criterion.measure,
        "condition": criterion.condition,
        "higher_is_better": criterion.higher_is_better,
    }


def plain(value: Any) -> float | None:
    """A float that JSON knows: NaN becomes null."""
    number = float(value)
    return None if number != number or number in (float("inf"), float("-inf")) else number
