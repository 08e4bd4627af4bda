"""Whether a cell still says what its float network and other seeds say, on nominal and on shifted rows."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor, nn

from lowland.artifacts import StoredModel, StoredTensors
from lowland.disagreement import DisagreementOptions, fitted_temperature
from lowland.disagreement.measured_abstention import Abstention, answered_rows, proved_abstention, threshold_rows
from lowland.disagreement.measured_rows import (
    Answers,
    Reference,
    change_rows,
    confidence_rows,
    detection_rows,
    ranked,
    uncertainties,
)
from lowland.errors import LowlandError
from lowland.estimate import Estimate, Status
from lowland.export import runtime_outputs
from lowland.grid import CellGroup, Run
from lowland.measurements import Cell, Measurement, ReferenceKind, stack, table, unavailable
from lowland.quantization import Precision
from lowland.tasks import Samples, Splits, Task, TaskOptions, build_task

_log = logging.getLogger(__name__)


def compare_with_float(
    cell: Cell,
    run: Run,
    precision: Precision,
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
    fixing, temperature = _tempered(task, model, splits, options)
    rows = [] if temperature is None else [Measurement("disagreement", "temperature", temperature, split="validation")]
    is_original = precision.method == "float" and precision.as_trained
    others = [] if is_original else [_Other(run.id, "float", trained.network)]
    abstentions: list[tuple[ReferenceKind, Abstention]] = []
    if options.abstention_risks and "threshold" in splits:
        proving, references = _answered(task, model.network, others, splits["threshold"])
        proving = replace(proving, split="threshold")
        for asked in (None, *references):
            found = proved_abstention(fixing, proving, options, asked)
            abstentions.append(("" if asked is None else asked.kind, found))
            rows += threshold_rows(found, proving, asked)
    for condition, known in splits.evaluated.items():
        answers, references = _answered(task, model.network, others, known.samples, condition)
        scores = uncertainties(answers.logits, options, temperature)
        for split, mask in known.halves.items():
            here, rankings = answers.at(mask, split), ranked(scores, mask)
            beside = {reference.kind: reference.at(mask) for reference in references}
            rows += confidence_rows(here, rankings, num_bins=options.calibration_bins)
            for reference in beside.values():
                rows += [*change_rows(here, reference), *detection_rows(here, reference, rankings)]
            for kind, abstention in abstentions:
                rows += answered_rows(abstention, here, beside.get(kind))
    return table(cell, rows)


def compare_with_fake_float(
    cell: Cell,
    task_options: TaskOptions,
    options: DisagreementOptions,
    data: StoredTensors,
    unquantized: StoredTensors,
    model: StoredModel,
) -> pd.DataFrame:
    """A deployed network beside its own fine-tuned weights without quantizers: what rounding alone changes."""
    if model.status != "ok":
        missing = Measurement("disagreement", "churn", Estimate.missing(model.status))
        return table(cell, [replace(missing, reference=cell.id, reference_kind="fake_float")])
    task, splits = build_task(task_options), Splits.from_tensors(data.tensors)
    _, temperature = _tempered(task, model, splits, options)
    rows: list[Measurement] = []
    for condition, known in splits.evaluated.items():
        answers, _ = _answered(task, model.network, (), known.samples, condition)
        whole = Reference(cell.id, "fake_float", unquantized.tensors[condition or "nominal"])
        scores = uncertainties(answers.logits, options, temperature)
        for split, mask in known.halves.items():
            here, reference = answers.at(mask, split), whole.at(mask)
            rows += [*change_rows(here, reference), *detection_rows(here, reference, ranked(scores, mask))]
    return table(cell, rows)


def compare_with_runtimes(
    cell: Cell, task_options: TaskOptions, options: DisagreementOptions, data: StoredTensors, model: StoredModel
) -> pd.DataFrame:
    """A deployed network beside what other runtimes answer with the same integers: the noise of arithmetic."""
    task, splits = build_task(task_options), Splits.from_tensors(data.tensors)
    inputs = torch.cat([known.samples.inputs for known in splits.evaluated.values()])
    rows: list[Measurement] = []
    for runtime in options.runtimes:
        missing: Status = model.status
        if missing == "ok":
            try:
                outputs = runtime_outputs(model.network, inputs, runtime)
            except LowlandError as error:
                _log.warning("%s: %s cannot be compared with: %s", cell.id, runtime, error)
                missing = "undefined"
        if missing != "ok":
            lost = Measurement("disagreement", "churn", Estimate.missing(missing))
            rows.append(replace(lost, reference=runtime, reference_kind="runtime"))
            continue
        whole = task.scored_outputs(outputs).split([len(known.selects) for known in splits.evaluated.values()])
        for (condition, known), logits in zip(splits.evaluated.items(), whole, strict=True):
            answers, _ = _answered(task, model.network, (), known.samples, condition)
            reference = Reference(runtime, "runtime", logits)
            for split, mask in known.halves.items():
                rows += change_rows(answers.at(mask, split), reference.at(mask))
    return table(cell, rows)


def compare_seeds(
    group: CellGroup, task_options: TaskOptions, data: StoredTensors, *models: StoredModel
) -> pd.DataFrame:
    """How much any two seeds of a configuration differ in their answers: the noise beside which others are seen."""
    task, splits = build_task(task_options), Splits.from_tensors(data.tensors)
    found: dict[Cell, list[Measurement]] = {}
    answered = [
        _halves(task, model.network, splits) if model.status == "ok" and task.is_classifier else None
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


class _Other(NamedTuple):
    """A network that a cell is compared with."""

    id: str
    kind: ReferenceKind
    network: nn.Module


def _tempered(
    task: Task, model: StoredModel, splits: Splits, options: DisagreementOptions
) -> tuple[Tensor, Estimate | None]:
    """What a network says of validation rows, and the temperature that is fitted to it where any is asked for."""
    validation = splits["validation"]
    logits = _logits(task, model.network, validation.inputs)
    return logits, fitted_temperature(logits, validation.targets) if options.scaled else None


def _answered(
    task: Task, network: nn.Module, others: Iterable[_Other], samples: Samples, condition: str = ""
) -> tuple[Answers, list[Reference]]:
    """What a network and others say of the same samples."""
    answers = Answers(_logits(task, network, samples.inputs), samples.targets, "", condition)
    return answers, [Reference(each.id, each.kind, _logits(task, each.network, samples.inputs)) for each in others]


def _halves(task: Task, network: nn.Module, splits: Splits) -> list[Answers]:
    """What a network says of both halves of the held-out rows and of every shifted set, each set answered once."""
    found = []
    for condition, known in splits.evaluated.items():
        answers, _ = _answered(task, network, (), known.samples, condition)
        found += [answers.at(mask, split) for split, mask in known.halves.items()]
    return found


def _logits(task: Task, network: nn.Module, inputs: Tensor) -> Tensor:
    with torch.no_grad():
        return task.scored_outputs(network(inputs))
