"""The static policies that meet a budget: how they are drawn, ordered and counted."""

from __future__ import annotations

import torch
from torch import Tensor

from lowland.worst_case.budget import Budget

Widths = tuple[int, ...]
"""Bits of every layer, in the order of the layers."""

TRIES = 50
"""Draws that may miss the budget before the next one is repaired."""

MOST_COUNTED = 200_000
"""Policies, whether or not they meet the budget, up to which all are listed to count those that do."""


def preference(budget: Budget, widths: Widths) -> tuple[float, Widths]:
    """What decides between policies of equal harm: lower is better; fewer mean bits, then fewer in the first layers."""
    return budget.spent(widths), widths


def number_of_policies(budget: Budget) -> int | None:
    """How many static policies meet the budget; ``None`` where there are too many to list."""
    if len(budget.choices) ** budget.layers > MOST_COUNTED:
        return None
    return sum(1 for _ in budget.policies())


def drawn(budget: Budget, probabilities: Tensor, generator: torch.Generator) -> Widths:
    """A policy that meets the budget, each layer's width drawn by its probabilities.

    Policies that miss the budget are drawn again, so that the others keep their relative probabilities. After ``TRIES``
    in a row, layers of the last one are moved towards the budget one choice at a time, each drawn among those that can
    still move.

    Args:
        budget: What is to be met.
        probabilities: Of each layer's choices, float64 [layers, choices].
        generator: Of all draws.
    """
    # Exponential clocks race: the first to ring is a draw by these rates, and all tries cost one call.
    clocks = torch.empty(TRIES, *probabilities.shape, dtype=torch.float64).exponential_(generator=generator)
    for row in (probabilities / clocks).argmax(-1).tolist():
        widths = tuple(budget.choices[pick] for pick in row)
        if budget.allows(widths):
            return widths
    return _repaired(budget, row, generator)


def _repaired(budget: Budget, picks: list[int], generator: torch.Generator) -> Widths:
    """Layers moved, one choice at a time, until the budget is met."""
    step, end = (1, len(budget.choices) - 1) if budget.goal == "worst" else (-1, 0)
    while not budget.allows([budget.choices[pick] for pick in picks]):
        movable = [layer for layer, pick in enumerate(picks) if pick != end]
        picks[movable[int(torch.randint(len(movable), (), generator=generator))]] += step
    return tuple(budget.choices[pick] for pick in picks)


def cheapest_sure(budget: Budget) -> Widths:
    """The policy that meets the budget whatever it is, and does the least for its goal: all widest, or all fewest."""
    return (budget.choices[-1 if budget.goal == "worst" else 0],) * budget.layers


def all_spent(budget: Budget, widths: Widths, generator: torch.Generator) -> Widths:
    """A policy that meets the budget, moved as far as the budget allows: layers in a drawn order, each to its limit.

    For the worst policy layers lose bits, for the best they win them. Harm mostly grows as widths fall, so that most is
    gained by policies of which no layer can go further.

    Args:
        budget: What is met, before and after.
        widths: The policy.
        generator: Of the order.
    """
    towards = budget.choices if budget.goal == "worst" else budget.choices[::-1]
    moved = list(widths)
    for layer in torch.randperm(budget.layers, generator=generator).tolist():
        for width in towards[: towards.index(moved[layer])]:
            if budget.allows([*moved[:layer], width, *moved[layer + 1 :]]):
                moved[layer] = width
                break
    return tuple(moved)
