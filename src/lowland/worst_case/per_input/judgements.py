"""Every evaluation of a search for a policy for each input, and the best policy so far."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lowland.errors import LowlandError
from lowland.worst_case.per_input.input_policy import InputPolicy
from lowland.worst_case.per_input.input_problem import InputProblem, Judged, judged, meets
from lowland.worst_case.search.evaluations import SearchEnded


@dataclass(frozen=True)
class InputEvaluation:
    """All searching rows computed once.

    Attributes:
        number: 1 for the first.
        drop: Mean harm beyond none.
        mean_bits: Spent on the mean over rows.
        candidate: Whether it was a policy that could be taken: it meets the budget, and chance has no part in it.
        best: Drop of the best candidate so far.
    """

    number: int
    drop: float
    mean_bits: float
    candidate: bool
    best: float


class Judgements:
    """Counts evaluations, each of all searching rows, and keeps the best policy.

    Args:
        given: Rows and budget.
        most: Evaluations after which the search ends.
    """

    def __init__(self, given: InputProblem, most: int) -> None:
        self.given, self.most = given, most
        self.history: list[InputEvaluation] = []
        self.best: InputPolicy | None = None
        self._best_drop = math.nan

    def of(self, policy: InputPolicy) -> tuple[float, float]:
        """What a policy gains and how far its mean lies within the budget, in bits; negative where it misses it.

        Raises:
            SearchEnded: Nothing is left to spend.
            LowlandError: The drop is no finite number.
        """
        self.check()
        found = judged(self.given.problem, policy)
        met = meets(self.given.budget, found.bits)
        better = self.best is None or self.gain(found.drop) > self.gain(self._best_drop)
        self._record(found, candidate=met, policy=policy if met and better else None)
        return self.gain(found.drop), self.slack(found.mean_bits)

    def explored(self, found: Judged) -> None:
        """Counts an evaluation of drawn widths, which is no policy."""
        self._record(found, candidate=False, policy=None)

    def check(self) -> None:
        """Ends the search before an evaluation that it cannot afford.

        Raises:
            SearchEnded: Nothing is left to spend.
        """
        if len(self.history) >= self.most:
            raise SearchEnded

    def gain(self, drop: float) -> float:
        """A drop where harm is sought, less it where it is avoided."""
        return drop if self.given.budget.goal == "worst" else -drop

    def slack(self, mean_bits: float) -> float:
        """Bits within the budget."""
        beyond = mean_bits - self.given.budget.mean_bits
        return beyond if self.given.budget.goal == "worst" else -beyond

    def _record(self, found: Judged, *, candidate: bool, policy: InputPolicy | None) -> None:
        number = len(self.history) + 1
        if not math.isfinite(found.drop):
            raise LowlandError(
                f"drop is {found.drop} at evaluation {number}; expected a finite number: use a harm that stays finite "
                "where outputs do not, such as wrong"
            )
        if policy is not None:
            self.best, self._best_drop = policy, found.drop
        self.history.append(InputEvaluation(number, found.drop, found.mean_bits, candidate, self._best_drop))

    @property
    def state(self) -> dict[str, Any]:
        """All that a resumed search needs, jsonable."""
        return {
            "history": [[each.number, each.drop, each.mean_bits, each.candidate, each.best] for each in self.history],
            "best": None if self.best is None else self.best.spec,  # type: ignore[attr-defined]  # of those in POLICIES
            "drop": self._best_drop,
        }

    def restore(self, state: Mapping[str, Any], policy: InputPolicy) -> None:
        """Goes on from a state, whose best policy was made again."""
        self.history = [InputEvaluation(*each) for each in state["history"]]
        self.best, self._best_drop = policy, float(state["drop"])
