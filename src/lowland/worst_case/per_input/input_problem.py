"""What policies for each input are judged on and begin with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.worst_case.budget import Budget
from lowland.worst_case.per_input.input_policy import InputPolicy, check_rows
from lowland.worst_case.per_input.observations import Bins, Scales, observed_in
from lowland.worst_case.problem import PolicyProblem


@dataclass(frozen=True)
class Judged:
    """What a policy did to rows.

    Attributes:
        harms: Beyond none, float64 [rows].
        bits: Mean width of each row [rows].
    """

    harms: Tensor
    bits: Tensor

    @property
    def drop(self) -> float:
        """Mean harm."""
        return float(self.harms.mean())

    @property
    def mean_bits(self) -> float:
        """Mean width over rows."""
        return float(self.bits.mean())


def judged(problem: PolicyProblem, policy: InputPolicy) -> Judged:
    """What a policy does to a problem's rows, and what it spends there."""
    choose, widths = policy.recorder()
    outputs = problem.under(choose)
    return Judged(problem.harms(outputs), policy.budget.mean(torch.stack(widths, 1)))


def meets(budget: Budget, bits: Tensor) -> bool:
    """Whether rows of these mean widths [rows] meet a budget: each for itself, or all on the mean."""
    spent = bits if budget.over == "input" else bits.mean()[None]
    # A budget of one layer of one element compares mean widths as they are.
    return bool(Budget(budget.choices, budget.mean_bits, (1,), budget.goal).met(spent[:, None]).all())


@dataclass(frozen=True)
class InputProblem:
    """Searching rows, a budget and the best static policy, which every search begins with.

    Attributes:
        problem: Network, rows and harm.
        budget: Over each input or over all.
        static: Widths of the best static policy.
        statistics: That tables tell rows apart by.
        bins: Of each of these statistics.

    Raises:
        LowlandError: The runtime scales whole batches; the budget is of another network, or the static policy
            misses it.
    """

    problem: PolicyProblem
    budget: Budget
    static: Sequence[int]
    statistics: tuple[str, ...] = ("crest",)
    bins: int = 3

    def __post_init__(self) -> None:
        """Refuses what has no policy for each input."""
        check_rows(self.problem.subject)
        if self.budget.elements != self.problem.subject.elements:
            raise LowlandError(
                f"budget has elements {self.budget.elements}, the network {self.problem.subject.elements}; expected "
                "the same"
            )
        if not self.budget.allows(self.static):
            raise LowlandError(
                f"static is {list(self.static)} with mean {self.budget.spent(self.static)}; expected widths that "
                f"meet the mean {self.budget.mean_bits}"
            )

    @cached_property
    def seen(self) -> Tensor:
        """All statistics before every layer, without any policy [layers, rows, statistics]."""
        return observed_in(self.problem.subject, self.problem.inputs)

    @cached_property
    def scales(self) -> Scales:
        """Of the statistics on these rows."""
        return Scales.of(self.seen)

    @cached_property
    def table_bins(self) -> Bins:
        """Quantiles of these rows."""
        return Bins.of(self.seen, self.statistics, self.bins)
