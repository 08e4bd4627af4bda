"""What students lose at other budgets, and after training under other policies than the worst."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import torch
from torch import nn
from worst_case_pairs import SETTINGS, judged_students
from worst_case_subjects import BenchmarkSubject

from lowland.estimate import Estimate
from lowland.randomness import generator
from lowland.worst_case import subject_of
from lowland.worst_case.budget import Budget
from lowland.worst_case.problem import PolicyProblem
from lowland.worst_case.search import agent_of, search_problem
from lowland.worst_case.students import Distillation

BUDGETS = (4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0)
TRAINED_UNDER: dict[str, dict[str, Any]] = {
    "random policies": {"agent": "random", "worst_share": 0.0},
    "policies that a search tried": {"worst_share": 0.0},
    "the worst policy alone": {"worst_share": 1.0},
}
"""In place of the worst policy in half of the batches and any that a search tried in the others."""
EVALUATIONS = 120


def students(subject: BenchmarkSubject) -> Iterator[pd.DataFrame]:
    """A row a budget, then a row a way of training at the usual one: accuracies and what was lost of them.

    Args:
        subject: The teacher.
    """
    settings = SETTINGS[subject.name]
    varied = [("", {"mean_bits": budget}) for budget in BUDGETS] + list(TRAINED_UNDER.items())
    for trained_under, changes in varied:
        yield pd.DataFrame([_facts(subject, settings | changes) | {"trained_under": trained_under}])


def _facts(subject: BenchmarkSubject, settings: dict[str, Any]) -> dict[str, Any]:
    networks, how, found = judged_students(subject, settings)
    worst = "detrimental_policy"
    inputs, targets = subject.splits["test"]
    with torch.no_grad():
        right = [networks[kind](inputs).argmax(1) == targets for kind in ("detrimental", "robust")]
    return {
        "network": subject.name,
        "seed": subject.seed,
        "mean_bits": how.mean_bits,
        "detrimental": found.of("detrimental", worst).drop.value,
        "detrimental_equalized": found.of("detrimental", worst, equalized=True).drop.value,
        "detrimental_under_robust": found.of("detrimental", "robust_policy").drop.value,
        "robust": found.of("robust", "robust_policy").drop.value,
        "robust_under_detrimental": found.of("robust", worst).drop.value,
        "control_under_detrimental": found.of("control", worst).drop.value,
        **{f"{kind}_own_worst": _own_worst(subject, networks[kind], how) for kind in ("robust", "control")},
        **{f"{kind}_accuracy": accuracy.value for kind, accuracy in found.accuracy.items()},
        "equivalence_p": found.equivalence.value,
        "one_right": float((right[0] != right[1]).double().mean()),
        "rows": len(inputs),
    }


def _own_worst(subject: BenchmarkSubject, network: nn.Module, how: Distillation) -> float:
    """What a student loses on test rows under the worst policy that is found for it."""
    deployed = subject_of(network, subject.searching.inputs[:1], runtime=how.runtime, float_from=how.float_from)
    found = search_problem(
        PolicyProblem(deployed, *subject.searching),
        Budget(how.choices, how.mean_bits, deployed.elements),
        agent_of(how.agent),
        evaluations=EVALUATIONS,
        generator=generator(subject.name, subject.seed, "own", "worst"),
    )
    problem = PolicyProblem(deployed, *subject.splits["test"])
    return Estimate.from_samples(problem.harms(problem.outputs(found.policy.widths))).value
