"""What protects a cell from the worst policy, and what that costs."""

from __future__ import annotations

import logging
from typing import Any

import pandas as pd

from lowland.artifacts import StoredModel, StoredTensors
from lowland.errors import LowlandError
from lowland.estimate import Estimate, Status
from lowland.measurements import Cell, Measurement, table
from lowland.pipelines.worst_case.searched_cell import SearchedCell
from lowland.quantization import Precision
from lowland.tasks import Splits, TaskOptions
from lowland.vocabulary.worst_case_measures import NO_PROTECTION
from lowland.worst_case.measured_rows import JudgedCell
from lowland.worst_case.options import WorstCaseOptions
from lowland.worst_case.protection import (
    Adversary,
    Protected,
    Unprotected,
    protected,
    protection_rows,
    unprotected,
)
from lowland.worst_case.protection.options import ProtectionOptions
from lowland.worst_case.scaling import equalized_network
from lowland.worst_case.search.agents import agent_of

_log = logging.getLogger(__name__)
_FROM_FLOAT = ("float", "dynamic", "weight_only")


def protect_from_policies(
    cell: Cell,
    task_options: TaskOptions,
    options: WorstCaseOptions,
    protection: ProtectionOptions,
    data: StoredTensors,
    precision: Precision,
    trained: StoredModel,
    model: StoredModel,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Each protection under the worst policy that is searched anew against it, beside the network as it is."""
    if model.status != "ok":
        return _without(cell, model.status)
    search = SearchedCell(cell, task_options, options, data)
    networks: dict[str, Protected | None] = {}
    try:
        given = Unprotected(
            search.judged(model.network),
            _equalized(search, model, trained, precision),
            search.searched,
            Splits.from_tensors(data.tensors)["train"].inputs[: protection.calibration_rows],
            Adversary(options.choices, options.mean_bits, agent_of(options.agent), options.evaluations, (cell.task,)),
            protection,
        )
        plain = unprotected(given)
        for name in protection.protections:
            networks |= protected(given, name)
    except LowlandError as error:
        _log.warning("%s: it is not protected from policies: %s", cell.id, error)
        return _without(cell, "undefined")
    rows = protection_rows(plain, networks, search.reported, mean_bits=float(options.mean_bits))
    found = {name: _document(network) for name, network in {NO_PROTECTION: plain, **networks}.items()}
    document = {"cell": cell.model_dump(), "status": "ok", "mean_bits": options.mean_bits, "protections": found}
    return table(cell, rows), document


def _equalized(
    search: SearchedCell, model: StoredModel, trained: StoredModel, precision: Precision
) -> JudgedCell | None:
    """With equal channel ranges; of codes, which stand as they are, and where the network has no graph, nothing."""
    if search.cell.method not in _FROM_FLOAT:
        return None
    try:
        return search.rescaled(equalized_network, model, trained, precision)
    except LowlandError as error:
        _log.warning("%s: its channels cannot be equalized: %s", search.cell.id, error)
        return None


def _document(network: Protected | None) -> dict[str, Any]:
    if network is None:
        return {"status": "undefined"}
    policy = dict(zip(network.cell.subject.layers, network.widths, strict=True))
    return {
        "status": "ok",
        "policy": policy,
        "searched_drop": network.drop,
        "evaluations": network.evaluations,
        "added_bits": network.added_bits,
        "stored_bits": network.stored_bits,
        **network.facts,
    }


def _without(cell: Cell, status: Status) -> tuple[pd.DataFrame, dict[str, Any]]:
    missing = Measurement("worst_case", "protected_drop", Estimate.missing(status))
    return table(cell, [missing]), {"cell": cell.model_dump(), "status": status}
