"""All configurations of one task against its requirements: who may be chosen, who ties, who comes nearest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lowland.analysis.best import may_be_best
from lowland.analysis.criteria import CLEAN, SIZE, Criterion
from lowland.analysis.pareto import SIZE_TOLERANCE
from lowland.decision.numbers import Numbers, Subject
from lowland.decision.outcomes import FAILED, GUESSING, INCOMPLETE, NOTHING, ON_THE_MEAN, RECOMMENDED
from lowland.decision.requirements import Requirements
from lowland.measurements import IMPORTED


@dataclass(frozen=True)
class Step:
    """What one preference left.

    Attributes:
        criterion: The preference.
        best: The configuration with the best mean.
        num_before: Candidates before.
        num_left: Those that cannot be told from the best.
    """

    criterion: Criterion
    best: Subject
    num_before: int
    num_left: int


class Choice:
    """All configurations of one task against its requirements.

    Args:
        numbers: What they reach.
        requirements: What is asked.
    """

    def __init__(self, numbers: Numbers, requirements: Requirements) -> None:
        self.numbers, self.index = numbers, numbers.index
        self.demands = requirements.demands(numbers.score)
        self.preferences = requirements.preferences(numbers.score)
        demanded = [criterion for _, criterion, _ in self.demands]
        asked = (numbers.clean, SIZE, *demanded, *self.preferences)
        self.criteria = list({c.name: c for c in asked}.values())
        names = {CLEAN, *(c.name for c in (*demanded, *self.preferences))}
        self.needed = [c for c in self.criteria if c.name in names]
        on_the_mean = {p: numbers.spare(c, t, "mean") >= 0 for p, c, t in self.demands}
        surely = {p: numbers.surely(c, t) for p, c, t in self.demands}
        self.on_the_mean, self.surely = (pd.DataFrame(met, index=self.index) for met in (on_the_mean, surely))

    @cached_property
    def complete(self) -> pd.Series:
        """Which configurations have all that is asked of all their seeds."""
        known = {c.name: self.numbers.of(c).num_seeds >= self.numbers.num_planned(c) for c in self.needed}
        return pd.DataFrame(known).all(axis=1)

    @cached_property
    def preferable(self) -> pd.Series:
        """Which configurations have a number for all that decides between them."""
        means = {c.name: self.numbers.means(c).notna() for c in (self.numbers.clean, *self.preferences)}
        return pd.DataFrame(means).all(axis=1)

    @property
    def eligible(self) -> pd.Series:
        """Which may be chosen, whatever they keep: what decides between them is known, and something was learned."""
        return self.preferable & self.numbers.learned

    @cached_property
    def pools(self) -> dict[str, pd.Series]:
        """By outcome, the best first: which configurations may be chosen with it."""
        eligible = self.eligible
        surely, on_the_mean = self.surely.all(axis=1), self.on_the_mean.all(axis=1)
        return {
            RECOMMENDED: surely & self.complete & eligible,
            ON_THE_MEAN: on_the_mean & self.complete & eligible,
            INCOMPLETE: on_the_mean & eligible,  # no seed that was lost can be made up for by those that were not
        }

    @cached_property
    def outcome(self) -> str:
        """How the choice ends, one of ``lowland.decision.outcomes``."""
        scored = self.numbers.is_scored
        if not scored.any() and not (self.numbers.measurements.status == "ok").any():
            return FAILED
        if scored.any() and not self.numbers.learned[scored].any():
            return GUESSING
        return next((name for name, pool in self.pools.items() if pool.any()), NOTHING)

    @property
    def candidates(self) -> pd.Index:
        """What may be chosen with the outcome; empty where nothing may."""
        pool = self.pools.get(self.outcome)
        return self.index[:0] if pool is None else self.index[pool]

    @cached_property
    def narrowed(self) -> tuple[list[Subject], list[Step]]:
        """The candidates that no preference can tell apart, the choice first, and what each preference left."""
        return self.narrow(self.candidates)

    @property
    def subject(self) -> Subject | None:
        """The choice; None where nothing may be chosen."""
        return self.narrowed[0][0] if len(self.candidates) else None

    @property
    def runner_up(self) -> Subject | None:
        """The first of those that tie with the choice, else the best of the other candidates."""
        if self.subject is None or len(self.candidates) < 2:
            return None
        _, *tied = self.narrowed[0]
        return tied[0] if tied else self.narrow(self.candidates.drop(self.subject))[0][0]

    def narrow(self, candidates: pd.Index) -> tuple[list[Subject], list[Step]]:
        """The candidates that no preference can tell apart, the best first, and what each preference left."""
        steps = []
        for criterion in self.preferences:
            means = self.numbers.means(criterion).loc[candidates]
            best = means.idxmax() if criterion.higher_is_better else means.idxmin()
            kept = candidates[self.ties(criterion, candidates)]
            if len(candidates) > 1:
                steps.append(Step(criterion, best, len(candidates), len(kept)))
            candidates = kept
        return self.numbers.best_first(self.deciding, candidates), steps

    @property
    def deciding(self) -> Criterion:
        """What names one of those that are tied."""
        return next((c for c in self.preferences if c.name != SIZE.name), self.numbers.clean)

    def ties(self, criterion: Criterion, candidates: pd.Index) -> NDArray[np.bool_]:
        """Which of the candidates cannot be told from the best of them."""
        means = self.numbers.means(criterion).loc[candidates]
        if criterion.name == SIZE.name:
            return (means <= means.min() * (1 + SIZE_TOLERANCE)).to_numpy()
        if (candidates.get_level_values("method") == IMPORTED).all():  # what comes from outside is all that there is
            return (means == (means.max() if criterion.higher_is_better else means.min())).to_numpy()
        values = self.numbers.seeds(criterion).reindex(candidates)
        return may_be_best(values, higher_is_better=criterion.higher_is_better).to_numpy()

    @property
    def nearest(self) -> Subject | None:
        """The configuration whose worst shortfall, relative to the limit, is the smallest."""
        shortfalls = {p: -self.numbers.spare(c, t, "mean") / (abs(t) or 1.0) for p, c, t in self.demands}
        known = pd.DataFrame(shortfalls, index=self.index)[self.numbers.learned].dropna()
        return known.clip(lower=0).max(axis=1).idxmin() if self.demands and len(known) else None

    def met(self, parameter: str, subject: Subject) -> str:
        """How a configuration meets a requirement on the rows that choose."""
        return how_met(self.surely.loc[subject, parameter], self.on_the_mean.loc[subject, parameter])

    def confirmed(self, criterion: Criterion, limit: float, subject: Subject) -> str:
        """How it fares on the rows that are told, which had no part in the choice."""
        worst, mean = (
            self.numbers.spare(criterion, limit, "worst", reported=True),
            self.numbers.spare(criterion, limit, "mean", reported=True),
        )
        complete = self.numbers.of(criterion, reported=True).loc[subject, "num_not_ok"] == 0
        return how_met(worst.loc[subject] >= 0 and complete, mean.loc[subject] >= 0)


def how_met(surely: bool, on_the_mean: bool) -> str:
    """The word for how a requirement is met."""
    return "surely" if surely else "on the mean" if on_the_mean else "no"
