"""From a cell to its certificate: rows of the long table, what each statement is about, the protection frontier."""

from __future__ import annotations

import logging
import math
from dataclasses import asdict
from typing import Any

import pandas as pd

from lowland.artifacts import StoredModel, StoredTensors
from lowland.certification.statements.certify import Certificate, certificate
from lowland.certification.statements.options import CertificationOptions
from lowland.certification.statements.statement import Subject
from lowland.estimate import Estimate, Status
from lowland.measurements import Cell, Measurement, cell_frame, table
from lowland.tasks import Splits, TaskOptions, build_task

NUMBERS = ("value", "standard_error")
_log = logging.getLogger(__name__)


def certify(
    cell: Cell,
    task: TaskOptions,
    options: CertificationOptions,
    data: StoredTensors,
    trained: StoredModel,
    model: StoredModel,
) -> dict[str, Any]:
    """What rounding, noise and upsets can do to a network, each statement with all that it is about."""
    found = _certified(cell, task, options, data, trained, model)
    return {
        "cell": cell.model_dump(),
        "statements": dict(found.statements),
        "measurements": [asdict(each) for each in found.measurements],
        "frontier": pd.DataFrame(found.frontier).to_dict("list"),
    }


def tabulate(cell: Cell, document: dict[str, Any]) -> pd.DataFrame:
    """A certificate's numbers as rows of the long table."""
    return table(cell, [_measurement(each) for each in document["measurements"]])


def tabulate_with_frontier(cell: Cell, document: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The same, and how many rows are safe by the number of protected bits."""
    frontier = document["frontier"]
    return tabulate(cell, document), cell_frame(cell, **frontier) if frontier else pd.DataFrame()


def _measurement(stored: dict[str, Any]) -> Measurement:
    """A measurement from JSON, which has no word for what is no number."""
    numbers = {name: math.nan if stored["estimate"][name] is None else stored["estimate"][name] for name in NUMBERS}
    level = math.nan if stored["level"] is None else stored["level"]
    return Measurement(**stored | {"estimate": Estimate(**stored["estimate"] | numbers), "level": level})


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
    test, landscape = (splits[name].head(options.rows) for name in ("test", "landscape"))
    subject = Subject(trained.network, model.network, test.inputs, test.targets, landscape.inputs, options)
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
