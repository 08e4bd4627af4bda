"""Evaluations of policies, counted alike for every agent."""

from __future__ import annotations

import math
from collections.abc import Callable

from lowland.errors import LowlandError
from lowland.worst_case.budget import Budget
from lowland.worst_case.search.result import Evaluation
from lowland.worst_case.search.space import Widths, preference

MOST_REPEATS = 300
"""Policies in a row that were evaluated before, after which an agent counts as converged."""


class SearchEnded(Exception):  # noqa: N818  # no error: what ends an agent's loop
    """An agent asked for a policy when nothing was left to spend, or only ever for old ones."""


class Evaluations:
    """Asks for the drop of policies, each once, and remembers the best.

    A policy that was asked for before is answered from memory and costs nothing, whichever agent asks: what counts is
    how often the network was computed.

    Args:
        drop: Drop of a policy of these widths.
        budget: What every policy has to meet.
        most: How many policies may be evaluated.
        recorded: Widths and drops of an earlier search that this one repeats: they count, but are not computed again.
        after: Called after every evaluation that was computed.
    """

    def __init__(
        self,
        drop: Callable[[Widths], float],
        budget: Budget,
        most: int,
        recorded: list[tuple[Widths, float]],
        after: Callable[[list[Evaluation]], None],
    ) -> None:
        self._drop, self._budget, self._most, self._recorded, self._after = drop, budget, most, recorded, after
        self._gains: dict[Widths, float] = {}
        self._repeats = 0
        self.history: list[Evaluation] = []
        self.best: tuple[Widths, float] | None = None

    def gain(self, widths: Widths) -> float:
        """The drop where harm is sought, less the drop where it is avoided.

        Raises:
            SearchEnded: Nothing is left to spend, or the agent asks for old policies only.
            LowlandError: The drop is no finite number, or the recorded search asked for another policy here.
        """
        if widths in self._gains:
            self._repeats += 1
            if self._repeats > MOST_REPEATS:
                raise SearchEnded
            return self._gains[widths]
        if not self._budget.allows(widths):
            raise ValueError(f"agent asks for {widths} with mean {self._budget.spent(widths)}, which misses the budget")
        if len(self.history) >= self._most:
            raise SearchEnded
        self._repeats = 0
        drop, computed = self._known_or_computed(widths)
        gain = drop if self._budget.goal == "worst" else -drop
        self._gains[widths] = gain
        if self.best is None or self._rank(widths) < self._rank(self.best[0]):
            self.best = widths, drop
        self.history.append(Evaluation(len(self.history) + 1, widths, drop, self.best[1]))
        if computed:
            self._after(self.history)
        return gain

    def _rank(self, widths: Widths) -> tuple[float, tuple[float, Widths]]:
        """Lower is better."""
        return -self._gains[widths], preference(self._budget, widths)

    def _known_or_computed(self, widths: Widths) -> tuple[float, bool]:
        """The drop, and whether the network was computed for it."""
        number = len(self.history)
        if number < len(self._recorded):
            expected, drop = self._recorded[number]
            if expected != widths:
                raise LowlandError(
                    f"checkpoint has policy {list(expected)} as evaluation {number + 1}, this search asks for "
                    f"{list(widths)}; expected the same code and packages that began it: delete it and search anew"
                )
            return drop, False
        drop = self._drop(widths)
        if not math.isfinite(drop):
            raise LowlandError(
                f"drop of policy {list(widths)} is {drop} at evaluation {number + 1}; expected a finite number: use a "
                "harm that stays finite where outputs do not, such as wrong"
            )
        return drop, True
