"""What policies cost that choose widths for each input, beside oracles."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pandas as pd

from lowland.artifacts import StoredModel, StoredTensors
from lowland.errors import LowlandError
from lowland.estimate import Estimate, Status
from lowland.measurements import Cell, Measurement, table
from lowland.pipelines.worst_case.searched_cell import SearchedCell
from lowland.tasks import TaskOptions
from lowland.worst_case.options import WorstCaseOptions
from lowland.worst_case.per_input import (
    InputProblem,
    budget_for_inputs,
    found_for_inputs,
    input_policy_document,
    input_policy_rows,
    problem_of,
)
from lowland.worst_case.per_input.options import InputPolicyOptions

_log = logging.getLogger(__name__)


def judge_input_policies(
    cell: Cell,
    task_options: TaskOptions,
    options: WorstCaseOptions,
    inputs: InputPolicyOptions,
    data: StoredTensors,
    model: StoredModel,
    policy: Mapping[str, Any] | None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """What is lost on either half of the held-out rows to policies and oracles for each input, and the policies."""
    if policy is None or policy["status"] != "ok":
        return _without(cell, "failed" if policy is None else policy["status"])
    search, key = SearchedCell(cell, task_options, options, data), (cell.task,)
    judged = search.judged(model.network)
    static = tuple(policy["policy"]["bits"][layer] for layer in judged.subject.layers)
    searched = problem_of(judged, search.searched, inputs)
    budget = budget_for_inputs(judged, options, inputs)
    try:
        given = InputProblem(searched, budget, static, inputs.statistics, inputs.bins)
        found = found_for_inputs(given, inputs, key=key)
    except LowlandError as error:
        _log.warning("%s: it has no policy for each input: %s", cell.id, error)
        return _without(cell, "undefined")
    halves = {half: problem_of(judged, rows, inputs) for half, rows in search.reported.items()}
    rows, spent = input_policy_rows(found, halves, key=key)
    document = {"cell": cell.model_dump(), "status": "ok", **input_policy_document(found), "spent": spent}
    return table(cell, rows), document


def _without(cell: Cell, status: Status) -> tuple[pd.DataFrame, dict[str, Any]]:
    lost = Measurement("worst_case", "input_policy_gain", Estimate.missing(status))
    return table(cell, [lost]), {"cell": cell.model_dump(), "status": status}
