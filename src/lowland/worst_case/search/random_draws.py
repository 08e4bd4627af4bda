"""Random search: the baseline of every other agent."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lowland.worst_case.budget import Budget
from lowland.worst_case.search.agent import Agent, Gain
from lowland.worst_case.search.space import drawn


@dataclass(frozen=True)
class RandomDraws(Agent):
    """Policies drawn from all that meet the budget, every one as likely as any other where draws often meet it."""

    name = "random"

    def run(self, budget: Budget, gain: Gain, generator: torch.Generator) -> None:
        """See ``Agent``."""
        shape = budget.layers, len(budget.choices)
        equal = torch.full(shape, 1 / len(budget.choices), dtype=torch.float64)
        while True:
            gain(drawn(budget, equal, generator))
