"""Students that break or hold under bit policies, and networks that rescaling alone breaks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pandas as pd
import torch
from torch import nn
from worst_case_subjects import BenchmarkSubject

from lowland.architectures import initialised_network
from lowland.worst_case import Rows, subject_of
from lowland.worst_case.scaling import drowned_network, equalized_network
from lowland.worst_case.students import (
    Distillation,
    Kind,
    PairTable,
    StudentRows,
    distilled,
    students_beside_policies,
)

SETTINGS: dict[str, dict[str, Any]] = {
    "jets, 4 layers": {"weight": 0.5, "hardening": 1.0, "mean_bits": 5.0, "epochs": 20},
    "digits, LeNet-5": {
        "weight": 1.0,
        "hardening": 1.0,
        "mean_bits": 5.0,
        "epochs": 60,
        "batch_size": 64,
        "search_every": 5,
    },
}
"""Of students, by network: fields of ``Distillation``; ``hardening`` is the weight of the robust student."""
CHOICES = (2, 4, 6, 8)


def judged_students(subject: BenchmarkSubject, settings: dict[str, Any]) -> tuple[dict[Kind, nn.Module], PairTable]:
    """Students of a network, and what they lose on test rows.

    Args:
        subject: The teacher.
        settings: As in ``SETTINGS``.
    """
    options = dict(settings)
    hardening = options.pop("hardening")
    how, rows, key = Distillation(choices=CHOICES, **options), subject.splits["train"], (subject.name, subject.seed)
    start = initialised_network(subject.task.network_spec_for(rows), key=key)
    searching, students = Rows(*subject.searching), {}
    for kind in get_args(Kind):
        own = replace(how, weight=hardening) if kind == "robust" else how
        made = distilled(
            subject.network, start, StudentRows(rows.inputs, searching.inputs), kind, own, key=(*key, "students")
        )
        if made.status != "ok":
            raise RuntimeError(f"{kind} student of {subject.name}: {made.status}")
        students[kind] = made.network
    how = replace(how, agent="cross_entropy")  # judges all alike, whatever they were trained with
    found = students_beside_policies(students, searching, Rows(*subject.splits["test"]), how, key=(*key, "benchmark"))
    return students, found


def pairs(subject: BenchmarkSubject, settings: dict[str, Any]) -> pd.DataFrame:
    """Accuracy that each student loses under each policy, on test rows.

    Args:
        subject: The teacher.
        settings: As in ``SETTINGS``.
    """
    _, found = judged_students(subject, settings)
    records = [
        {
            "network": subject.name,
            "seed": subject.seed,
            "student": pair.student,
            "accuracy": found.accuracy[pair.student].value,
            "equivalence_p": found.equivalence.value,
            "policy": pair.policy,
            "equalized": pair.equalized,
            "widths": str(pair.widths.widths),
            "mean_bits": pair.mean_bits,
            "drop": pair.drop.value,
            "standard_error": pair.drop.standard_error,
        }
        for pair in found.pairs
    ]
    return pd.DataFrame(records)


def rescaled(subject: BenchmarkSubject) -> pd.DataFrame:
    """Accuracy on test rows in float and in dynamic 8 bits: as trained, rescaled to break, and equalized after that."""
    inputs, targets = subject.splits["test"]
    drowned = drowned_network(subject.network, inputs[:100])
    networks = {
        "as trained": subject.network,
        "rescaled": drowned,
        "equalized": equalized_network(subject.network, inputs[:100]),
        "rescaled, then equalized": equalized_network(drowned, inputs[:100]),
    }
    records = []
    for name, network in networks.items():
        dynamic = subject_of(network, inputs[:1], float_from=subject.task.float_from)
        accuracies = {"float": _accuracy(network, inputs, targets), "dynamic": _accuracy(dynamic, inputs, targets)}
        records.append({"network": subject.name, "seed": subject.seed, "channels": name} | accuracies)
    return pd.DataFrame(records)


def _accuracy(network: nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> float:
    with torch.no_grad():
        return float((network(inputs).argmax(1) == targets).double().mean())
