"""Whether a cell still says what its float network and other seeds say, on nominal and on shifted rows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import pandas as pd
import torch
from torch import Tensor, nn

from lowland.artifacts import StoredModel, StoredTensors
from lowland.disagreement import DisagreementOptions, fitted_temperature
from lowland.disagreement.measured_rows import (
    Answers,
    Reference,
    change_rows,
    confidence_rows,
    detection_rows,
    uncertainties,
)
from lowland.estimate import Estimate
from lowland.grid import CellGroup, Run
from lowland.measurements import Cell, Measurement, stack, table, unavailable
from lowland.tasks import Splits, Task, TaskOptions, build_task


def compare_with_float(
    cell: Cell,
    run: Run,
    task_options: TaskOptions,
    options: DisagreementOptions,
    data: StoredTensors,
    trained: StoredModel,
    model: StoredModel,
) -> pd.DataFrame:
    """A deployed network beside the float network of its run, and how far its confidence can be trusted."""
    task = build_task(task_options)
    status = model.status if task.is_classifier else "undefined"
    if status != "ok":
        return unavailable(cell, "disagreement", status)
    splits = Splits.from_tensors(data.tensors)
    rows, temperature = [], None
    if options.scaled:
        validation = splits["validation"]
        temperature = fitted_temperature(_logits(task, model.network, validation.inputs), validation.targets)
        rows.append(Measurement("disagreement", "temperature", temperature, split="validation"))
    is_float = cell.method == "float"
    floats = [] if is_float else [each.logits for each in _answers(task, trained.network, splits)]
    for number, answers in enumerate(_answers(task, model.network, splits)):
        scores = uncertainties(answers.logits, options, temperature)
        rows += confidence_rows(answers, scores, num_bins=options.calibration_bins)
        if not is_float:
            reference = Reference(run.id, "float", floats[number])
            rows += [*change_rows(answers, reference), *detection_rows(answers, reference, scores)]
    return table(cell, rows)


def compare_seeds(
    group: CellGroup, task_options: TaskOptions, data: StoredTensors, *models: StoredModel
) -> pd.DataFrame:
    """How much any two seeds of a configuration differ in their answers: the noise beside which others are seen."""
    task, splits = build_task(task_options), Splits.from_tensors(data.tensors)
    found: dict[Cell, list[Measurement]] = {}
    answered = [
        list(_answers(task, model.network, splits)) if model.status == "ok" and task.is_classifier else None
        for model in models
    ]
    for (first, mine), (second, theirs) in combinations(zip(group.cells, answered, strict=True), 2):
        if mine is None or theirs is None:
            missing = Estimate.missing("non_finite" if task.is_classifier else "undefined")
            lost = Measurement("disagreement", "churn", missing, reference=second.id, reference_kind="seed")
            found.setdefault(first, []).append(lost)
            continue
        for a, b in zip(mine, theirs, strict=True):
            found.setdefault(first, []).extend(change_rows(a, Reference(second.id, "seed", b.logits)))
    return stack(table(cell, rows) for cell, rows in found.items())


def _answers(task: Task, network: nn.Module, splits: Splits) -> Iterator[Answers]:
    """Of both halves of the held-out rows and of every shifted set, each set answered once."""
    for condition, known in {"": splits.held_out, **splits.shifted}.items():
        logits = _logits(task, network, known.samples.inputs)
        for split, mask in known.halves.items():
            yield Answers(logits[mask], known.samples.targets[mask], split, condition)


def _logits(task: Task, network: nn.Module, inputs: Tensor) -> Tensor:
    with torch.no_grad():
        return task.scored_outputs(network(inputs))
