"""Students of a run's float network that break or hold under bit policies, and what they lose."""

from __future__ import annotations

import logging
from typing import Any, get_args

import pandas as pd
import torch

from lowland.architectures import initialised_network
from lowland.artifacts import StoredModel, StoredTensors
from lowland.errors import LowlandError
from lowland.estimate import Estimate, Status
from lowland.grid import Run
from lowland.measurements import Measurement, student_cell, table
from lowland.tasks import Splits, TaskOptions, build_task
from lowland.worst_case.options import WorstCaseOptions
from lowland.worst_case.students import (
    Kind,
    LabelledRows,
    Student,
    StudentOptions,
    StudentRows,
    check_teacher,
    distilled,
    student_rows,
    students_beside_policies,
)

SEARCHED = ("validation", "selection")
KINDS: tuple[Kind, ...] = get_args(Kind)
_log = logging.getLogger(__name__)


def teach_students(
    run: Run,
    task_options: TaskOptions,
    budget: WorstCaseOptions,
    options: StudentOptions,
    data: StoredTensors,
    trained: StoredModel,
) -> tuple[pd.DataFrame, dict[str, Any], StoredModel, StoredModel, StoredModel]:
    """What pairs of students and policies lose on test rows, the policies, and the three students."""
    task, splits = build_task(task_options), Splits.from_tensors(data.tensors)
    start = initialised_network(task.network_spec_for(splits["train"]), key=(run.task, run.number))
    searching = LabelledRows(*(torch.cat(parts) for parts in zip(*(splits[name] for name in SEARCHED), strict=True)))
    if trained.status != "ok":
        return _without(run, start, trained.status)
    key = (run.task, run.number, "students")
    students: dict[Kind, Student] = {}
    try:
        check_teacher(trained.network, searching.inputs, searching.targets)
        for kind in KINDS:
            own = options.distillation(kind, budget, float_from=task.float_from)
            rows = StudentRows(splits["train"].inputs, searching.inputs)
            students[kind] = distilled(trained.network, start, rows, kind, own, key=key)
    except LowlandError as error:
        _log.warning("%s: it has no students: %s", run.id, error)
        return _without(run, start, "undefined")
    if broken := next((each.status for each in students.values() if each.status != "ok"), None):
        return _without(run, start, broken)
    networks = {kind: each.network for kind, each in students.items()}
    judging, how = LabelledRows(*splits["test"]), options.distillation("control", budget, float_from=task.float_from)
    found = students_beside_policies(networks, searching, judging, how, evaluations=budget.evaluations, key=key)
    frame = student_rows(found, run=(run.task, run.recipe, run.seed), mean_bits=budget.mean_bits)
    last = {kind: each.policy.spec for kind, each in students.items() if each.policy is not None}
    document = {"run": run.model_dump(), "status": "ok", "options": options.model_dump(mode="json"), "last": last}
    document |= found.document
    detrimental, robust, control = (StoredModel(networks[kind]) for kind in KINDS)
    return frame, document, detrimental, robust, control


def _without(run: Run, start: torch.nn.Module, status: Status) -> tuple[Any, ...]:
    """Nothing but the reason."""
    cell = student_cell(run.task, run.recipe, run.seed)
    lost = [
        Measurement("worst_case", measure, Estimate.missing(status), split="test")
        for measure in ("pair_drop", "student_accuracy", "accuracy_equivalence")
    ]
    models = (StoredModel(start, status) for _ in KINDS)
    return table(cell, lost), {"run": run.model_dump(), "status": status}, *models
