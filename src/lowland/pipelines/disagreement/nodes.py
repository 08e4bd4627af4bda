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
from lowland.estimate import Estimate
from lowland.export import runtime_outputs
from lowland.grid import CellGroup, Run
from lowland.measurements import Cell, Measurement, ReferenceKind, table, table_of_cells, unavailable
from lowland.quantization import Precision
from lowland.tasks import Samples, Splits, Task, TaskOptions, build_task

WITH_INTEGERS = ("qat", "ptq", "imported")
"""Methods whose networks other runtimes can compute in the same integers."""
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
    unquantized: StoredTensors | None = None,
) -> pd.DataFrame:
    """A deployed network beside the float network of its run, and how far its confidence can be trusted.

    Where they are kept, the answers of its own fine-tuned weights without quantizers are a second reference, and where
    it is asked for, other runtimes are one more.
    """
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
    elsewhere = _elsewhere(cell, task, model.network, splits, options)
    for condition, known in splits.evaluated.items():
        answers, references = _answered(task, model.network, others, known.samples, condition)
        if unquantized is not None:
            references.append(Reference(cell.id, "fake_float", unquantized.tensors[condition or "nominal"]))
        scores = uncertainties(answers.logits, options, temperature)
        for split, mask in known.halves.items():
            here, rankings = answers.at(mask, split), ranked(scores, mask)
            beside = {reference.kind: reference.at(mask) for reference in references}
            rows += confidence_rows(here, rankings, num_bins=options.calibration_bins)
            for reference in beside.values():
                rows += [*change_rows(here, reference), *detection_rows(here, reference, rankings)]
            for runtime, outputs in elsewhere.items():
                if isinstance(outputs, dict):
                    rows += change_rows(here, Reference(runtime, "runtime", outputs[condition][mask]))
            for kind, abstention in abstentions:
                rows += answered_rows(abstention, here, beside.get(kind))
    for runtime, outputs in elsewhere.items():
        if outputs is None:
            missing = Measurement("disagreement", "churn", Estimate.missing("undefined"))
            rows.append(replace(missing, reference=runtime, reference_kind="runtime"))
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
    return table_of_cells(found)


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


def _elsewhere(
    cell: Cell, task: Task, network: nn.Module, splits: Splits, options: DisagreementOptions
) -> dict[str, dict[str, Tensor] | None]:
    """What other runtimes put out for every set, by runtime and condition; None where they cannot compute it."""
    found: dict[str, dict[str, Tensor] | None] = {}
    sets = {condition: known.samples.inputs for condition, known in splits.evaluated.items()}
    for runtime in options.runtimes if cell.method in WITH_INTEGERS else ():
        try:
            outputs = task.scored_outputs(runtime_outputs(network, torch.cat([*sets.values()]), runtime))
        except LowlandError as error:
            _log.warning("%s: %s is not compared with: %s", cell.id, runtime, error)
            found[runtime] = None
        else:
            parts = outputs.split([len(inputs) for inputs in sets.values()])
            found[runtime] = dict(zip(sets, parts, strict=True))
    return found


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
