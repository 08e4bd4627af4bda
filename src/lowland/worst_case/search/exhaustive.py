"""Every policy that meets the budget: the optimum of small spaces."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lowland.errors import LowlandError
from lowland.worst_case.budget import Budget
from lowland.worst_case.search.agent import Agent, Gain
from lowland.worst_case.search.space import number_of_policies


@dataclass(frozen=True)
class Exhaustive(Agent):
    """All policies in the order of ``Budget.policies``; refused where the evaluations do not suffice for all."""

    name = "exhaustive"

    def check(self, budget: Budget, evaluations: int) -> None:
        """Refuses what would stop half-way.

        Raises:
            LowlandError: More policies meet the budget than may be evaluated, or than can be listed.
        """
        number = number_of_policies(budget)
        if number is None or number > evaluations:
            size = f"{len(budget.choices)}^{budget.layers}" if number is None else str(number)
            raise LowlandError(
                f"agent is exhaustive and evaluations is {evaluations}, of {size} policies; expected all of them: use "
                "another agent, fewer choices or more evaluations"
            )

    def run(self, budget: Budget, gain: Gain, generator: torch.Generator) -> None:
        """See ``Agent``."""
        for widths in budget.policies():
            gain(widths)
