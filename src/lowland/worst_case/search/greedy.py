"""Greedy search: one layer at a time, whatever gains most; then exchanges of bits between two layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from lowland.worst_case.budget import Budget
from lowland.worst_case.search.agent import Agent, Gain
from lowland.worst_case.search.space import Widths, cheapest_sure, preference


@dataclass(frozen=True)
class Greedy(Agent):
    """From the policy that is sure to meet the budget, the best move again and again; without chance.

    For the worst policy all layers begin at the widest choice and lose bits, for the best at the fewest and win them.
    The move that gains most is made even where none gains, since the first bits often cost nothing. Where the budget
    allows no further move, one layer moves on for another one that moves back, as long as that gains.
    """

    name = "greedy"

    def run(self, budget: Budget, gain: Gain, generator: torch.Generator) -> None:
        """See ``Agent``."""
        current = cheapest_sure(budget)
        best = gain(current)
        while moves := list(_moves(budget, current)):
            current = _best(budget, moves, gain)
        best = gain(current)
        while exchanges := list(_exchanges(budget, current)):
            better = _best(budget, exchanges, gain)
            if gain(better) <= best:
                return
            current, best = better, gain(better)


def _best(budget: Budget, candidates: list[Widths], gain: Gain) -> Widths:
    """The candidate that gains most; of equal ones the preferred."""
    return min(candidates, key=lambda widths: (-gain(widths), preference(budget, widths)))


def _moves(budget: Budget, widths: Widths) -> Iterator[Widths]:
    """One layer one choice further, as far as the budget allows."""
    step = -1 if budget.goal == "worst" else 1
    for layer in range(budget.layers):
        moved = _moved(budget, widths, layer, step)
        if moved is not None and budget.allows(moved):
            yield moved


def _exchanges(budget: Budget, widths: Widths) -> Iterator[Widths]:
    """One layer further for one choice of another, and both as far as the budget allows."""
    step = -1 if budget.goal == "worst" else 1
    for one in range(budget.layers):
        further = _moved(budget, widths, one, step)
        for other in range(budget.layers):
            moved = None if further is None or one == other else _moved(budget, further, other, -step)
            if moved is not None and budget.allows(moved):
                yield moved


def _moved(budget: Budget, widths: Widths, layer: int, step: int) -> Widths | None:
    """The policy with one layer some choices up or down; ``None`` past the last choice."""
    place = budget.choices.index(widths[layer]) + step
    if not 0 <= place < len(budget.choices):
        return None
    return (*widths[:layer], budget.choices[place], *widths[layer + 1 :])
