"""How soon each agent comes near the worst policy of all, every policy of a network known beforehand."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
from worst_case_subjects import BenchmarkSubject

from lowland.randomness import generator
from lowland.worst_case import Budget, PolicyProblem, subject_of
from lowland.worst_case.search import AGENTS, search_problem
from lowland.worst_case.search.space import Widths

CHOICES = (2, 4, 6, 8)
MOST = 160
"""Evaluations that every agent is given."""
NEAR = 0.95
"""Share of the optimum that counts as reached."""


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


def searched(known: Known, *, mean_bits: float, repetitions: int, network: str) -> pd.DataFrame:
    """What every agent has found after each evaluation.

    Args:
        known: The network.
        mean_bits: Least mean width.
        repetitions: Of the agents' draws.
        network: Its name, for the table.

    Returns:
        ``network``, ``mean_bits``, ``agent``, ``repetition``, ``evaluation`` (1 for the first), ``best`` (drop of the
        best policy so far) and ``optimum`` (of all policies).
    """
    budget = Budget(CHOICES, mean_bits, known.subject.elements)
    optimum = known.optimum(budget)
    agents: dict[str, Callable[[int], list[float]]] = {
        name: partial(_history, known, budget, name) for name in AGENTS if name != "exhaustive"
    }
    if (peer := _tpe(known, budget)) is not None:
        agents["optuna's TPE"] = peer
    rows = []
    for name, run in agents.items():
        for repetition in range(1 if name == "greedy" else repetitions):
            best = run(repetition)
            for number in range(1, MOST + 1):
                rows.append((network, mean_bits, name, repetition, number, best[min(number, len(best)) - 1], optimum))
    names = ["network", "mean_bits", "agent", "repetition", "evaluation", "best", "optimum"]
    return pd.DataFrame(rows, columns=names)


def _history(known: Known, budget: Budget, name: str, repetition: int) -> list[float]:
    problem = cast(PolicyProblem, known)  # has all that a search without a checkpoint asks of one
    draws = generator("benchmark", name, repetition)
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
                while not budget.met(widths) and widths[layer] != CHOICES[-1]:
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


def summary(history: pd.DataFrame) -> pd.DataFrame:
    """Evaluations to 95 % of the optimum with their range, shares after 40, 80 and 120; medians over repetitions.

    Args:
        history: Of ``searched``, of several networks.

    Returns:
        ``behind_greedy`` counts after how many of the first 120 evaluations the median is below greedy.
    """
    rows = []
    for (network, agent), group in history.groupby(["network", "agent"], sort=False):
        greedy = history[(history.network == network) & (history.agent == "greedy")].set_index("evaluation").best
        optimum = float(group.optimum.iloc[0])
        best = group.pivot(index="repetition", columns="evaluation", values="best")
        near = best >= NEAR * optimum
        reached = near.idxmax(axis=1).where(near.any(axis=1), math.inf)
        rows.append(
            {
                "network": network,
                "optimum": optimum,
                "agent": agent,
                "to_95": reached.median(),
                "from": reached.min(),
                "to": reached.max(),
                **{f"share_{number}": best[number].median() / optimum for number in (40, 80, 120)},
                "behind_greedy": int((best.median() < greedy - 1e-12).loc[:120].sum()),
            }
        )
    return pd.DataFrame(rows)
