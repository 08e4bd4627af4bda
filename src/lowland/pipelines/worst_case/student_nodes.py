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
from lowland.worst_case.problem import Rows
from lowland.worst_case.students import (
    Kind,
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
) -> tuple[StoredModel, StoredModel, StoredModel]:
    """The detrimental, the robust and the control student; as they began, with the reason, where there are none."""
    task, splits = build_task(task_options), Splits.from_tensors(data.tensors)
    start = initialised_network(task.network_spec_for(splits["train"]), key=(run.task, run.number))
    students = [Student(start, trained.status)] * len(KINDS)
    if trained.status == "ok":
        searching, key = _searching(splits), (run.task, run.number, "students")
        rows = StudentRows(splits["train"].inputs, searching.inputs)
        try:
            check_teacher(trained.network, searching.inputs, searching.targets)
            hows = (options.distillation(kind, budget, float_from=task.float_from) for kind in KINDS)
            students = [
                distilled(trained.network, start, rows, kind, how, key=key)
                for kind, how in zip(KINDS, hows, strict=True)
            ]
        except LowlandError as error:
            _log.warning("%s: it has no students: %s", run.id, error)
            students = [Student(start, "undefined")] * len(KINDS)
    detrimental, robust, control = (StoredModel(each.network, each.status) for each in students)
    return detrimental, robust, control


def judge_students(
    run: Run,
    task_options: TaskOptions,
    budget: WorstCaseOptions,
    options: StudentOptions,
    data: StoredTensors,
    detrimental: StoredModel,
    robust: StoredModel,
    control: StoredModel,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """What pairs of students and policies lose on test rows, and the policies."""
    task, splits = build_task(task_options), Splits.from_tensors(data.tensors)
    students = dict(zip(KINDS, (detrimental, robust, control), strict=True))
    if broken := next((each.status for each in students.values() if each.status != "ok"), None):
        return _without(run, broken)
    networks, key = {kind: each.network for kind, each in students.items()}, (run.task, run.number, "pairs")
    judging, how = Rows(*splits["test"]), options.distillation("control", budget, float_from=task.float_from)
    found = students_beside_policies(
        networks, _searching(splits), judging, how, evaluations=budget.evaluations, key=key
    )
    frame = student_rows(found, run=(run.task, run.recipe, run.seed), mean_bits=budget.mean_bits)
    document = {"run": run.model_dump(), "status": "ok", "options": options.model_dump(mode="json")}
    return frame, document | found.document


def _searching(splits: Splits) -> Rows:
    """Rows on which policies are searched for; students are reported on test rows alone."""
    return Rows(*(torch.cat(parts) for parts in zip(*(splits[name] for name in SEARCHED), strict=True)))


def _without(run: Run, status: Status) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Nothing but the reason."""
    cell = student_cell(run.task, run.recipe, run.seed)
    lost = [
        Measurement("worst_case", measure, Estimate.missing(status), split="test")
        for measure in ("pair_drop", "student_accuracy", "accuracy_equivalence")
    ]
    return table(cell, lost), {"run": run.model_dump(), "status": status}
