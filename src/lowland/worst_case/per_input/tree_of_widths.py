"""What every choice of widths does to every row, and what layers read on the way to it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.worst_case.budget import Budget
from lowland.worst_case.per_input.observations import observed
from lowland.worst_case.policies import static_chooser
from lowland.worst_case.problem import PolicyProblem

MOST_LEAVES = 4096
"""Choices of widths that are all computed; a space of more has no oracle."""


@dataclass(frozen=True)
class WidthsTree:
    """All widths of a space on some rows, those that miss the budget among them.

    A row's widths are a way from the root to a leaf. Leaves are numbered in the order of ``itertools.product``, so that
    the beginnings of length l are the numbers of the leaves without their last digits.

    Attributes:
        budget: Choices and mean.
        leaves: Widths [leaves, layers].
        harms: Beyond none, float64 [rows, leaves].
        seen: Statistics before layer l after every beginning of length l: [choices^l, rows, statistics] by layer.
    """

    budget: Budget
    leaves: Tensor
    harms: Tensor
    seen: tuple[Tensor, ...]

    @property
    def slack(self) -> Tensor:
        """Bits by which a leaf's mean meets the budget, negative where it does not [leaves]."""
        beyond = self.budget.mean(self.leaves) - self.budget.mean_bits
        return beyond if self.budget.goal == "worst" else -beyond

    @property
    def gains(self) -> Tensor:
        """Harm where it is sought, avoided harm where it is not [rows, leaves]."""
        return self.harms if self.budget.goal == "worst" else -self.harms


def check_tree(budget: Budget) -> None:
    """Refuses spaces that are too large.

    Raises:
        LowlandError: More than ``MOST_LEAVES`` choices of widths.
    """
    number = len(budget.choices) ** budget.layers
    if number > MOST_LEAVES:
        raise LowlandError(
            f"choices of widths are {len(budget.choices)}^{budget.layers} = {number}; expected {MOST_LEAVES} at most "
            "for an oracle: fewer choices, or a network of fewer layers"
        )


@torch.no_grad()
def widths_tree(problem: PolicyProblem, budget: Budget) -> WidthsTree:
    """Computes a problem's rows under all widths of a space.

    Args:
        problem: Network, rows and harm.
        budget: Whose choices are tried.

    Raises:
        LowlandError: The space is too large.
    """
    check_tree(budget)
    leaves = list(itertools.product(budget.choices, repeat=budget.layers))
    seen: dict[tuple[int, ...], Tensor] = {}
    harms = []
    for widths in leaves:
        with _watching(problem, widths, seen):
            harms.append(problem.harms(problem.outputs(widths)))
        if any(widths[:layer] not in seen for layer in range(budget.layers)):  # kept values: nobody looked
            with _watching(problem, widths, seen):
                problem.under(static_chooser(widths))
    levels = (
        torch.stack([seen[beginning] for beginning in itertools.product(budget.choices, repeat=layer)])
        for layer in range(budget.layers)
    )
    return WidthsTree(budget, torch.tensor(leaves), torch.stack(harms, 1), tuple(levels))


class _watching:  # noqa: N801  # a context
    """While open, every layer's statistics are kept by the widths before it."""

    def __init__(self, problem: PolicyProblem, widths: tuple[int, ...], seen: dict[tuple[int, ...], Tensor]) -> None:
        self.points, self.widths, self.seen = problem.subject.points, widths, seen

    def __enter__(self) -> None:
        self.handles = [point.register_forward_pre_hook(self._look) for point in self.points]

    def __exit__(self, *_: object) -> None:
        for handle in self.handles:
            handle.remove()

    def _look(self, point: torch.nn.Module, arguments: tuple[Tensor, ...]) -> None:
        before = self.widths[: int(point.number)]  # type: ignore[arg-type]  # of a subject's points it is a number
        if before not in self.seen:
            self.seen[before] = observed(arguments[0])
