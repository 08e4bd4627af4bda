"""From a cell to its certificate: rows of the long table, what each statement is about, the protection frontier."""

from __future__ import annotations

import logging
from typing import Any

import pandas as pd

from lowland.artifacts import StoredModel, StoredTensors
from lowland.certification.statements.certify import Certificate, certificate
from lowland.certification.statements.options import CertificationOptions
from lowland.certification.statements.statement import Subject
from lowland.estimate import Estimate, Status
from lowland.measurements import Cell, Measurement, cell_frame, table
from lowland.tasks import Splits, TaskOptions, build_task

_log = logging.getLogger(__name__)


def certify_rounding(
    cell: Cell,
    task: TaskOptions,
    options: CertificationOptions,
    data: StoredTensors,
    trained: StoredModel,
    model: StoredModel,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """What rounding of weights and biases to so many bits can do to a float network, whatever its direction."""
    found = _certified(cell, task, options, data, trained, model)
    return table(cell, found.measurements), _document(cell, found)


def certify_deployed(
    cell: Cell,
    task: TaskOptions,
    options: CertificationOptions,
    data: StoredTensors,
    trained: StoredModel,
    model: StoredModel,
) -> tuple[pd.DataFrame, dict[str, Any], pd.DataFrame]:
    """What rounding, noise and upsets can do to a deployed network, and the bits that are to be protected."""
    found = _certified(cell, task, options, data, trained, model)
    frontier = cell_frame(cell, **found.frontier) if found.frontier else pd.DataFrame()
    return table(cell, found.measurements), _document(cell, found), frontier


def _certified(
    cell: Cell,
    task_options: TaskOptions,
    options: CertificationOptions,
    data: StoredTensors,
    trained: StoredModel,
    model: StoredModel,
) -> Certificate:
    task, status = build_task(task_options), model.status
    if status == "ok" and not task.is_classifier:
        status = "undefined"
        _log.warning("%s: certificates are about classes; the outputs of task %s are none", cell.id, cell.task)
    if status != "ok":
        return _with_count(Certificate([], {"status": status}), status)
    splits = Splits.from_tensors(data.tensors)
    rows = {name: splits[name].head(options.rows).inputs for name in ("test", "landscape")}
    subject = Subject(trained.network, model.network, rows["test"], rows["landscape"], options)
    found = certificate(subject)
    for name, statement in found.statements.items():
        if "reason" in statement:
            _log.warning("%s: statement %s is undefined: %s", cell.id, name, statement["reason"])
    return _with_count(found, "ok")


def _with_count(found: Certificate, status: Status) -> Certificate:
    """The same with the row that every certified cell has: how many numbers its certificate holds."""
    held = sum(each.estimate.status in ("ok", "timeout") for each in found.measurements)
    count = Estimate(float(held), 0.0, 1) if status == "ok" else Estimate.missing(status)
    return Certificate(
        [Measurement("certificate", "certificate", count), *found.measurements], found.statements, found.frontier
    )


def _document(cell: Cell, found: Certificate) -> dict[str, Any]:
    return {"cell": cell.model_dump(), "statements": dict(found.statements)}
