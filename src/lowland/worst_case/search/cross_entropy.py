"""The cross-entropy method: widths are drawn layer by layer, and the best draws say how to draw next."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lowland.worst_case.budget import Budget
from lowland.worst_case.search.agent import Agent, Gain
from lowland.worst_case.search.space import Widths, all_spent, drawn, preference


@dataclass(frozen=True)
class CrossEntropy(Agent):
    """Categorical probabilities of every layer's choices, moved towards the best policies so far.

    Most draws then spend what the budget leaves (``all_spent``): a policy that could be pushed further for free is
    rarely the best. The others stay as drawn, since harm does not always grow as widths fall.

    Attributes:
        draws: Policies between two changes of the probabilities.
        elite: How many of the best so far say where the probabilities move.
        smoothing: Weight of the elite against the old probabilities.
        spending: Share of the draws that spend all.
        floor: Least probability of a choice, relative to equal ones, so that none is lost for good.

    Source: Rubinstein 1999, Methodology and Computing in Applied Probability 1, 127.
    """

    name = "cross_entropy"
    draws: int = 10
    elite: int = 5
    smoothing: float = 0.7
    spending: float = 0.9
    floor: float = 0.2

    def run(self, budget: Budget, gain: Gain, generator: torch.Generator) -> None:
        """See ``Agent``."""
        choices = len(budget.choices)
        probabilities = torch.full((budget.layers, choices), 1 / choices, dtype=torch.float64)
        known: dict[Widths, tuple[float, tuple[float, Widths]]] = {}  # by what they are ordered, the best first
        while True:
            for _ in range(self.draws):
                widths = drawn(budget, probabilities, generator)
                if float(torch.rand((), generator=generator)) < self.spending:
                    widths = all_spent(budget, widths, generator)
                known[widths] = -gain(widths), preference(budget, widths)
            best = sorted(known, key=known.__getitem__)[: self.elite]
            chosen = torch.tensor([[budget.choices.index(width) for width in widths] for widths in best])
            shares = torch.nn.functional.one_hot(chosen, choices).double().mean(0)
            probabilities = self.smoothing * shares + (1 - self.smoothing) * probabilities
            probabilities = (1 - self.floor) * probabilities + self.floor / choices
