"""How long a policy takes one core: in a search that keeps what policies share, computed whole, and in float."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import pandas as pd
import torch
from worst_case_subjects import BenchmarkSubject

from lowland.randomness import generator
from lowland.worst_case import Budget, PolicyProblem, subject_of
from lowland.worst_case.policies import static_chooser
from lowland.worst_case.search import AGENTS, search_problem

CHOICES = (2, 4, 6, 8)
EVALUATIONS = 120
MEAN_BITS = 5.0
REPEATS = 7


def times(subject: BenchmarkSubject, *, rows: int, runtime: str) -> pd.DataFrame:
    """Milliseconds of a policy in a search of 120 by cross-entropy, of one computed whole and of the float network.

    Medians of the time of the process, which other work on the machine disturbs least; of a search also the mean.

    Args:
        subject: The network; its rows are repeated where there are fewer.
        rows: That a policy is judged on.
        runtime: Whose arithmetic. Where it has no convolution, linear layers alone have a width, and all before them is
            computed once.
    """
    inputs, targets = subject.searching
    picked = torch.arange(rows) % len(inputs)
    inputs, targets = inputs[picked], targets[picked]
    policies = subject_of(subject.network, inputs[:1], runtime=runtime, float_from=subject.task.float_from)
    problem = PolicyProblem(policies, inputs, targets)
    budget = Budget(CHOICES, MEAN_BITS, policies.elements)
    agent, draws = AGENTS["cross_entropy"](), generator("benchmark", "times")
    asked = search_problem(problem, budget, agent, evaluations=EVALUATIONS, generator=draws).history
    problem = PolicyProblem(policies, inputs, targets)  # which keeps nothing yet
    kept = [_core_seconds(partial(problem.drop, each.widths)) for each in asked]
    choose = static_chooser(asked[-1].widths)
    whole = [_core_seconds(lambda: problem.harms(problem.under(choose))) for _ in range(REPEATS)]
    with torch.no_grad():
        plain = [_core_seconds(lambda: subject.network(inputs)) for _ in range(REPEATS)]
    record = {
        "network": subject.name,
        "runtime": runtime,
        "rows": rows,
        "layers": len(policies.layers),
        "policies": len(asked),
        "kept_ms": 1e3 * statistics.median(kept),
        "kept_mean_ms": 1e3 * statistics.mean(kept),
        "whole_ms": 1e3 * statistics.median(whole),
        "float_ms": 1e3 * statistics.median(plain),
    }
    return pd.DataFrame([record])


def _core_seconds(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start
