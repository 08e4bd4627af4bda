"""What students lose at other budgets, and after training under other policies than the worst."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import torch
from worst_case_pairs import SETTINGS, judged_students
from worst_case_subjects import BenchmarkSubject

BUDGETS = (4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0)
TRAINED_UNDER: dict[str, dict[str, Any]] = {
    "random policies": {"agent": "random", "worst_share": 0.0},
    "policies that a search tried": {"worst_share": 0.0},
    "the worst policy alone": {"worst_share": 1.0},
}
"""In place of the worst policy in half of the batches and any that a search tried in the others."""


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
    networks, found = judged_students(subject, settings)
    worst, own = "detrimental_policy", "own_worst_policy"
    inputs, targets = subject.splits["test"]
    with torch.no_grad():
        right = [networks[kind](inputs).argmax(1) == targets for kind in ("detrimental", "robust")]
    return {
        "network": subject.name,
        "seed": subject.seed,
        "mean_bits": settings["mean_bits"],
        "detrimental": found.of("detrimental", worst).drop.value,
        "detrimental_equalized": found.of("detrimental", worst, equalized=True).drop.value,
        "detrimental_under_robust": found.of("detrimental", "robust_policy").drop.value,
        "robust": found.of("robust", "robust_policy").drop.value,
        "robust_under_detrimental": found.of("robust", worst).drop.value,
        "control_under_detrimental": found.of("control", worst).drop.value,
        "robust_own_worst": found.of("robust", own).drop.value,
        "control_own_worst": found.of("control", own).drop.value,
        **{f"{kind}_accuracy": accuracy.value for kind, accuracy in found.accuracy.items()},
        "equivalence_p": found.equivalence.value,
        "one_right": float((right[0] != right[1]).double().mean()),
        "rows": len(inputs),
    }
