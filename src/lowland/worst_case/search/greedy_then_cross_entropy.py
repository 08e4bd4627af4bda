"""Greedy search first, then the cross-entropy method from all that it saw: the usual agent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from lowland.worst_case.budget import Budget
from lowland.worst_case.search.agent import Agent, Gain
from lowland.worst_case.search.cross_entropy import CrossEntropy
from lowland.worst_case.search.greedy import Greedy
from lowland.worst_case.search.space import Widths


@dataclass(frozen=True)
class GreedyThenCrossEntropy(Agent):
    """Greedy until no exchange gains, then draws that begin with the best policies of greedy.

    At every number of evaluations it has found at least what greedy has; what greedy ends in, a policy that no single
    exchange betters, the draws leave again.

    Attributes:
        draws: How the second part draws.
    """

    name = "greedy_then_cross_entropy"
    draws: CrossEntropy = field(default_factory=CrossEntropy)

    def run(self, budget: Budget, gain: Gain, generator: torch.Generator) -> None:
        """See ``Agent``."""
        known: dict[Widths, float] = {}

        def remembered(widths: Widths) -> float:
            known[widths] = gain(widths)
            return known[widths]

        Greedy().run(budget, remembered, generator)
        self.draws.run_from(known, budget, gain, generator)
