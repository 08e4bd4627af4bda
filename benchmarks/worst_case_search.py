"""How soon each agent comes near the worst policy of all, every policy of a network known beforehand."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import torch
from worst_case_subjects import BenchmarkSubject

from lowland.randomness import generator
from lowland.worst_case import Budget, PolicyProblem, subject_of
from lowland.worst_case.search import AGENTS, search_problem
from lowland.worst_case.search.space import Widths

CHOICES = (2, 4, 6, 8)
MOST = 160
"""Evaluations that every agent is given."""


@dataclass(frozen=True)
class Known:
    """Every policy of a network with what it costs; agents ask it in place of the network.

    Attributes:
        subject: With the layers and the elements that each codes.
        drops: Accuracy lost, by widths.
    """

    subject: Any
    drops: dict[Widths, float]

    @classmethod
    def of(cls, subject: BenchmarkSubject, *, rows: int = 2000, runtime: str = "litert") -> Known:
        """Evaluates all policies."""
        inputs, targets = subject.searching
        policies = subject_of(subject.network, inputs[:1], runtime=runtime, float_from=subject.task.float_from)
        problem = PolicyProblem(policies, inputs[:rows], targets[:rows])
        every = itertools.product(CHOICES, repeat=len(policies.layers))
        facts = SimpleNamespace(layers=policies.layers, elements=policies.elements)
        return cls(facts, {widths: problem.drop(widths) for widths in every})

    def drop(self, widths: Widths) -> float:
        """Looks it up."""
        return self.drops[tuple(widths)]

    def optimum(self, budget: Budget) -> float:
        """The most that a policy within the budget costs."""
        return max(self.drops[widths] for widths in budget.policies())


def searched(known: Known, *, mean_bits: float, seeds: int, network: str) -> pd.DataFrame:
    """The share of the optimum that every agent has after each evaluation.

    Args:
        known: The network.
        mean_bits: Least mean width.
        seeds: Of the agents' draws.
        network: Its name, for the table.

    Returns:
        A row for every agent, seed and number of evaluations.
    """
    budget = Budget(CHOICES, mean_bits, known.subject.elements)
    optimum = known.optimum(budget)
    agents: dict[str, Callable[[int], list[float]]] = {
        name: lambda seed, name=name: _history(known, budget, name, seed)  # type: ignore[misc]  # bound at once
        for name in AGENTS
        if name != "exhaustive"
    }
    if (peer := _tpe(known, budget)) is not None:
        agents["optuna's TPE"] = peer
    rows = []
    for name, run in agents.items():
        for seed in range(1 if name == "greedy" else seeds):
            best = run(seed)
            for number in range(1, MOST + 1):
                share = best[min(number, len(best)) - 1] / optimum
                rows.append((network, mean_bits, optimum, name, seed, number, share))
    names = ["network", "mean_bits", "optimum", "agent", "seed", "evaluations", "share"]
    return pd.DataFrame(rows, columns=names)


def _history(known: Known, budget: Budget, name: str, seed: int) -> list[float]:
    problem = cast(PolicyProblem, known)  # has all that a search without a checkpoint asks of one
    draws = generator("benchmark", name, seed)
    found = search_problem(problem, budget, AGENTS[name](), evaluations=MOST, generator=draws)
    return [each.best for each in found.history]


def _tpe(known: Known, budget: Budget) -> Callable[[int], list[float]] | None:
    """The tree-structured Parzen estimator of optuna, policies that miss the budget repaired; None without it."""
    try:
        import optuna
    except ImportError:
        return None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    order = sorted(range(len(known.subject.elements)), key=lambda layer: known.subject.elements[layer])

    def run(seed: int) -> list[float]:
        best: list[float] = []
        seen: dict[Widths, float] = {}

        def lost(trial: optuna.Trial) -> float:
            widths = [trial.suggest_categorical(f"layer {n}", CHOICES) for n in range(len(order))]
            for layer in order:  # the cheapest layers are widened until the budget is met
                while not budget.allows(widths) and widths[layer] != CHOICES[-1]:
                    widths[layer] = CHOICES[CHOICES.index(widths[layer]) + 1]
            key = tuple(widths)
            if key not in seen:
                seen[key] = known.drop(key)
                best.append(max(seen.values()))
            return seen[key]

        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
        for _ in range(5 * MOST):
            study.optimize(lost, n_trials=1)
            if len(best) >= MOST:
                break
        return best

    return run


def summary(shares: pd.DataFrame) -> pd.DataFrame:
    """Evaluations to 95 % of the optimum and shares after 40, 80 and 120, medians over seeds; worst seed beside it."""
    keys = ["network", "mean_bits", "agent"]
    rows = []
    for (network, mean_bits, agent), group in shares.groupby(keys, sort=False):
        wide = group.pivot(index="seed", columns="evaluations", values="share")
        reached = (wide >= 0.95).idxmax(axis=1).where((wide >= 0.95).any(axis=1))
        greedy = shares[(shares.network == network) & (shares.mean_bits == mean_bits) & (shares.agent == "greedy")]
        behind = (wide.median() < greedy.set_index("evaluations").share - 1e-9).loc[:120].sum()
        rows.append(
            {
                "network": network,
                "mean_bits": mean_bits,
                "optimum": group.optimum.iloc[0],
                "agent": agent,
                "to_95": reached.fillna(torch.inf).median(),
                "to_95_worst": reached.fillna(torch.inf).max(),
                **{f"share_{n}": wide[n].median() for n in (40, 80, 120)},
                "behind_greedy": int(behind),
            }
        )
    return pd.DataFrame(rows)
