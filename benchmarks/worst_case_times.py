"""How long one policy takes: with what policies have in common kept, computed whole, and beside the float network."""

from __future__ import annotations

import time

import pandas as pd
import torch
from faults import median_seconds
from worst_case_subjects import BenchmarkSubject

from lowland.randomness import generator
from lowland.worst_case import Budget, PolicyProblem, subject_of
from lowland.worst_case.policies import static_chooser
from lowland.worst_case.search import AGENTS, search_problem

CHOICES = (2, 4, 6, 8)
EVALUATIONS = 120
MEAN_BITS = 5.0


def times(subject: BenchmarkSubject, *, rows: int, runtime: str) -> pd.DataFrame:
    """Milliseconds of a policy in a search of 120, of one computed whole and of the float network.

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
    start = time.perf_counter()
    found = search_problem(
        problem, budget, AGENTS["random"](), evaluations=EVALUATIONS, generator=generator("benchmark", "times")
    )
    kept = (time.perf_counter() - start) / found.evaluations
    whole = median_seconds(lambda: problem.under(static_chooser(found.policy.widths)), 7)
    with torch.no_grad():
        plain = median_seconds(lambda: subject.network(inputs), 7)
    record = {
        "network": subject.name,
        "runtime": runtime,
        "rows": rows,
        "layers": len(policies.layers),
        "kept_ms": 1e3 * kept,
        "whole_ms": 1e3 * whole,
        "float_ms": 1e3 * plain,
    }
    return pd.DataFrame([record])
