"""How badly the worst bit policy breaks a cell, searched on rows that are not reported, and a picture of the search."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd
from torch import Tensor, nn

from lowland.artifacts import StoredModel, StoredTensors
from lowland.errors import LowlandError
from lowland.estimate import Status
from lowland.measurements import HALVES, Cell, Measurement, Split, cell_frame, table, unavailable
from lowland.quantization import DynamicNetwork, Precision, quantize_dynamically
from lowland.scores import sign
from lowland.tasks import Splits, Task, TaskOptions, build_task
from lowland.worst_case.deployed_subject import dynamic_precision, subject_of
from lowland.worst_case.measured_rows import (
    JudgedCell,
    Rows,
    ScaledNetworks,
    scaled_rows,
    worst_case_rows,
    worst_static_policy,
)
from lowland.worst_case.options import WorstCaseOptions
from lowland.worst_case.problem import Harm
from lowland.worst_case.scaling import drowned_network, equalized_network
from lowland.worst_case.subject import PolicySubject

SEARCHED = ("validation", "selection")
Found = tuple[pd.DataFrame, dict[str, Any], pd.DataFrame]
"""Rows of the long table, the policy with its search, and that search as a picture."""
_log = logging.getLogger(__name__)


def search_worst_policy(
    cell: Cell, task_options: TaskOptions, options: WorstCaseOptions, data: StoredTensors, model: StoredModel
) -> Found:
    """What the worst static policy costs on either half of the held-out rows, and the policy with its search."""
    if model.status != "ok":
        return _without(cell, model.status)
    search = _Search(cell, task_options, options, data)
    try:
        judged = search.judged(model.network)
    except LowlandError as error:
        _log.warning("%s: its worst policy is undefined: %s", cell.id, error)
        return _without(cell, "undefined")
    rows, document = search.worst(judged)
    return table(cell, rows), document, policy_search(cell, document)


def search_worst_policy_and_rescale(
    cell: Cell,
    precision: Precision,
    task_options: TaskOptions,
    options: WorstCaseOptions,
    data: StoredTensors,
    trained: StoredModel,
    model: StoredModel,
) -> Found:
    """The same, and what becomes of it when channels are rescaled against each other before quantization."""
    frame, document, picture = search_worst_policy(cell, task_options, options, data, model)
    if document["status"] != "ok":
        return frame, document, picture
    search = _Search(cell, task_options, options, data)
    is_dynamic = isinstance(model.network, DynamicNetwork)
    source = trained.network if is_dynamic else model.network
    how = precision if is_dynamic else dynamic_precision(options.runtime)
    scaled: ScaledNetworks | None = None
    widths: tuple[int, ...] = ()
    try:
        drowned, equalized = (change(source, search.sample) for change in (drowned_network, equalized_network))
        scaled = ScaledNetworks(search.judged(drowned, how), search.judged(equalized, how))
        found = worst_static_policy(scaled.equalized, search.searched, options, key=(cell.task, "equalized"))
        widths = found.policy.widths
    except LowlandError as error:
        _log.warning("%s: its channels cannot be rescaled: %s", cell.id, error)
    rows = scaled_rows(search.judged(model.network), scaled, widths, search.reported, options)
    return pd.concat([frame, table(cell, rows)], ignore_index=True), document, picture


class _Search:
    """What a cell is searched on and judged by."""

    def __init__(self, cell: Cell, task_options: TaskOptions, options: WorstCaseOptions, data: StoredTensors) -> None:
        self.cell, self.options, self.task = cell, options, build_task(task_options)
        splits = Splits.from_tensors(data.tensors)
        self.searched: list[Rows] = [(splits[name].inputs, splits[name].targets) for name in SEARCHED]
        self.reported: Mapping[Split, Rows] = {half: (splits[half].inputs, splits[half].targets) for half in HALVES}
        self.sample = splits["validation"].inputs[:1]

    def judged(self, network: nn.Module, precision: Precision | None = None) -> JudgedCell:
        """A network under policies; a float one is made dynamic at a precision first, where one is given."""
        if precision is not None:
            network = quantize_dynamically(network, precision, float_from=self.task.float_from)
        subject: PolicySubject = subject_of(
            network, self.sample, runtime=self.options.runtime, float_from=self.task.float_from
        )
        # A class is looked up at once; other scores may solve a problem for every row (earth mover's distance: 5 ms).
        told = None if self.task.is_classifier else self.task.sample_losses
        return JudgedCell(subject, _harm(self.task), self.task.decisions, told)

    def worst(self, judged: JudgedCell) -> tuple[list[Measurement], dict[str, Any]]:
        """Rows of the worst policy found, and the policy."""
        options = self.options
        found = worst_static_policy(judged, self.searched, options, key=(self.cell.task,))
        search = {"agent": options.agent, "status": found.status, "drop": found.drop, "rows": options.rows}
        document = {
            "cell": self.cell.model_dump(),
            "status": "ok",
            "policy": found.policy.spec,
            "mean_bits": options.mean_bits,
            "search": {**search, "history": [asdict(each) for each in found.history]},
        }
        return list(worst_case_rows(judged, found.policy.widths, self.reported, options)), document


def policy_search(cell: Cell, document: Mapping[str, Any]) -> pd.DataFrame:
    """A search as a picture.

    Args:
        cell: On which it was.
        document: The policy with its search.

    Returns:
        A row a policy that was tried: ``evaluation``, its ``drop``, the ``best`` so far, its ``widths`` with the names
        of the ``layers``, and the ``agent``, ``mean_bits`` and ``search_status`` of all.
    """
    search = document["search"]
    history = pd.DataFrame(search["history"])
    return cell_frame(
        cell,
        evaluation=history.number.tolist(),
        drop=history["drop"].tolist(),
        best=history.best.tolist(),
        widths=[" ".join(map(str, widths)) for widths in history.widths],
        layers=" ".join(document["policy"]["bits"]),
        agent=search["agent"],
        mean_bits=float(document["mean_bits"]),
        search_status=search["status"],
    )


def _without(cell: Cell, status: Status) -> Found:
    return unavailable(cell, "worst_case", status), {"cell": cell.model_dump(), "status": status}, pd.DataFrame()


def _harm(task: Task) -> Harm:
    """What every row loses of the task's score."""
    direction = sign(task.score_name)

    def lost(outputs: Tensor, targets: Tensor) -> Tensor:
        return -direction * task.sample_scores(outputs, targets).double()

    return lost
