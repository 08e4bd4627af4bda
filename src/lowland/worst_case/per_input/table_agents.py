"""Agents that draw tables of widths by bin: with what they learned, or without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lowland.worst_case.per_input.input_agent import InputAgent, Learner
from lowland.worst_case.per_input.input_problem import InputProblem
from lowland.worst_case.per_input.judgements import Judgements
from lowland.worst_case.per_input.table_policy import TablePolicy
from lowland.worst_case.search.evaluations import MOST_REPEATS, SearchEnded

Table = tuple[int, ...]
"""Numbers of choices, by layer and bin."""


@dataclass(frozen=True)
class CrossEntropyTables(InputAgent):
    """Categorical probabilities of every bin's choices, moved towards the best tables so far.

    They begin around the best static policy. Tables that meet the budget are better than all that miss it, and of those
    the better ones miss it by less.

    Attributes:
        draws: Tables between two changes of the probabilities.
        elite: How many of the best so far say where the probabilities move.
        smoothing: Weight of the elite against the old probabilities.
        floor: Least probability of a choice, relative to equal ones, so that none is lost for good.
        trust: Probability of the static policy's choices at the beginning.

    Source: Rubinstein 1999, Methodology and Computing in Applied Probability 1, 127.
    """

    name = "cross_entropy"
    draws: int = 10
    elite: int = 5
    smoothing: float = 0.7
    floor: float = 0.2
    trust: float = 0.5

    def learner(self, given: InputProblem, seed: int) -> Learner:
        """See ``InputAgent``."""
        return _Tables(given, self)


@dataclass(frozen=True)
class RandomTables(InputAgent):
    """Tables around the best static policy, all drawn from the same probabilities.

    Attributes:
        trust: Probability of the static policy's choices.
    """

    name = "random"
    trust: float = 0.5

    def learner(self, given: InputProblem, seed: int) -> Learner:
        """See ``InputAgent``."""
        return _Tables(given, CrossEntropyTables(smoothing=0.0, floor=0.0, trust=self.trust))


class _Tables(Learner):
    """Draws, judges and learns from tables."""

    def __init__(self, given: InputProblem, how: CrossEntropyTables) -> None:
        self.given, self.how = given, how
        budget, bins = given.budget, given.table_bins.number
        start = torch.full((budget.layers, bins, len(budget.choices)), (1 - how.trust) / len(budget.choices))
        for layer, width in enumerate(given.static):
            start[layer, :, budget.choices.index(width)] += how.trust
        self.probabilities: Tensor = start.double()
        self.known: dict[Table, tuple[float, float]] = {}

    def round(self, judge: Judgements, generator: torch.Generator) -> None:
        """See ``Learner``."""
        for _ in range(self.how.draws):
            table = self._new(generator)
            gain, slack = judge.of(self._policy(table))
            self.known[table] = self._rank(gain, slack)
        best = sorted(self.known, key=lambda table: (*(-each for each in self.known[table]), table))[: self.how.elite]
        layers, bins, choices = self.probabilities.shape
        picked = torch.tensor(best).view(len(best), layers, bins)
        shares = torch.nn.functional.one_hot(picked, choices).double().mean(0)
        mixed = self.how.smoothing * shares + (1 - self.how.smoothing) * self.probabilities
        self.probabilities = (1 - self.how.floor) * mixed + self.how.floor / choices

    def _rank(self, gain: float, slack: float) -> tuple[float, float]:
        """Higher is better; over single inputs tables cannot miss the budget."""
        return (0.0, gain) if self.given.budget.over == "input" or slack >= 0 else (slack, gain)

    def _new(self, generator: torch.Generator) -> Table:
        """A table that was not judged before.

        Raises:
            SearchEnded: Old ones alone are drawn.
        """
        flat = self.probabilities.flatten(0, 1)
        for _ in range(MOST_REPEATS):
            table = tuple(torch.multinomial(flat, 1, generator=generator)[:, 0].tolist())
            if table not in self.known:
                return table
        raise SearchEnded

    def _policy(self, table: Table) -> TablePolicy:
        choices, bins = self.given.budget.choices, self.given.table_bins
        widths = [choices[pick] for pick in table]
        rows = (tuple(widths[start : start + bins.number]) for start in range(0, len(widths), bins.number))
        return TablePolicy(self.given.budget, bins, tuple(rows))

    @property
    def state(self) -> dict[str, Any]:
        """See ``Learner``."""
        return {"probabilities": self.probabilities, "known": [[list(k), list(v)] for k, v in self.known.items()]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """See ``Learner``."""
        self.probabilities = state["probabilities"]
        self.known = {tuple(table): (float(rank[0]), float(rank[1])) for table, rank in state["known"]}
