"""How badly the worst bit policy breaks a cell, searched on rows that are not reported."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Any

import pandas as pd
from torch import Tensor

from lowland.artifacts import StoredModel, StoredTensors
from lowland.errors import LowlandError
from lowland.estimate import Status
from lowland.measurements import HALVES, Cell, table, unavailable
from lowland.scores import sign
from lowland.tasks import Splits, Task, TaskOptions, build_task
from lowland.worst_case.cell_subject import cell_subject
from lowland.worst_case.measured_rows import JudgedCell, worst_case_rows, worst_static_policy
from lowland.worst_case.options import WorstCaseOptions

SEARCHED = ("validation", "selection")
_log = logging.getLogger(__name__)


def search_worst_policy(
    cell: Cell, task_options: TaskOptions, options: WorstCaseOptions, data: StoredTensors, model: StoredModel
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """What the worst static policy costs on either half of the held-out rows, and the policy with its search."""
    task, splits = build_task(task_options), Splits.from_tensors(data.tensors)
    if model.status != "ok":
        return _without(cell, model.status)
    try:
        subject = cell_subject(
            model.network,
            splits["validation"].inputs[:1],
            activation_bits=int(cell.activation_bits),
            runtime=options.runtime,
            float_from=task.float_from,
        )
    except LowlandError as error:
        _log.warning("%s: its worst policy is undefined: %s", cell.id, error)
        return _without(cell, "undefined")
    judged = JudgedCell(subject, _harm(task), task.decisions)
    searched = [tuple(splits[name]) for name in SEARCHED]
    found = worst_static_policy(judged, searched, options, key=(cell.task,))
    rows = worst_case_rows(judged, found.policy.widths, {half: tuple(splits[half]) for half in HALVES}, options)
    document = {
        "cell": cell.model_dump(),
        "status": "ok",
        "policy": found.policy.spec,
        "mean_bits": options.mean_bits,
        "search": {
            "agent": options.agent,
            "status": found.status,
            "drop": found.drop,
            "rows": options.rows,
            "history": [asdict(each) for each in found.history],
        },
    }
    return table(cell, rows), document


def _without(cell: Cell, status: Status) -> tuple[pd.DataFrame, dict[str, Any]]:
    return unavailable(cell, "worst_case", status), {"cell": cell.model_dump(), "status": status}


def _harm(task: Task) -> Any:
    """What every row loses of the task's score."""
    direction = sign(task.score_name)

    def lost(outputs: Tensor, targets: Tensor) -> Tensor:
        return -direction * task.sample_scores(outputs, targets).double()

    return lost
