"""How badly the worst bit policy breaks a cell, searched on rows that are not reported, and a picture of the search."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd

from lowland.artifacts import StoredModel, StoredTensors
from lowland.errors import LowlandError
from lowland.estimate import Status
from lowland.measurements import Cell, Measurement, cell_frame, table, unavailable
from lowland.pipelines.worst_case.searched_cell import SearchedCell
from lowland.quantization import Precision
from lowland.tasks import TaskOptions
from lowland.worst_case.measured_rows import (
    JudgedCell,
    ScaledNetworks,
    scaled_rows,
    shifted_rows,
    worst_case_rows,
    worst_static_policy,
)
from lowland.worst_case.options import WorstCaseOptions
from lowland.worst_case.scaling import drowned_network, equalized_network

Found = tuple[pd.DataFrame, dict[str, Any], pd.DataFrame]
"""Rows of the long table, the policy with its search, and that search as a picture."""
_log = logging.getLogger(__name__)


def search_worst_policy(
    cell: Cell, task_options: TaskOptions, options: WorstCaseOptions, data: StoredTensors, model: StoredModel
) -> Found:
    """What the worst static policy costs on either half of the held-out rows, and the policy with its search."""
    return _found(SearchedCell(cell, task_options, options, data), model)


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
    search = SearchedCell(cell, task_options, options, data)

    def scaled(judged: JudgedCell) -> Iterator[Measurement]:
        networks: ScaledNetworks | None = None
        widths: tuple[int, ...] = ()
        try:
            changes = (drowned_network, equalized_network)
            made = ScaledNetworks(*(search.rescaled(change, model, trained, precision) for change in changes))
            found = worst_static_policy(made.equalized, search.searched, options, key=(cell.task, "equalized"))
        except LowlandError as error:
            _log.warning("%s: it is not rescaled: %s", cell.id, error)
        else:
            networks, widths = made, found.policy.widths
        return scaled_rows(judged, networks, widths, search.reported, options)

    return _found(search, model, scaled)


def _found(
    search: SearchedCell, model: StoredModel, further: Callable[[JudgedCell], Iterator[Measurement]] | None = None
) -> Found:
    """Rows of the worst policy found and whatever else is measured of the network, the policy, and its search."""
    cell, options = search.cell, search.options
    if model.status != "ok":
        return _without(cell, model.status)
    try:
        judged = search.judged(model.network)
        found = worst_static_policy(judged, search.searched, options, key=(cell.task,))
    except LowlandError as error:
        _log.warning("%s: its worst policy is undefined: %s", cell.id, error)
        return _without(cell, "undefined")
    document = {
        "cell": cell.model_dump(),
        "status": "ok",
        "policy": found.policy.spec,
        "mean_bits": options.mean_bits,
        "search": {"agent": options.agent, "rows": options.rows, **found.document},
    }
    rows = [*worst_case_rows(judged, found.policy.widths, search.reported, options)]
    if options.shifted:
        rows += shifted_rows(judged, found.policy.widths, search.shifted, options)
    rows += [] if further is None else further(judged)
    return table(cell, rows), document, policy_search(cell, document)


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
