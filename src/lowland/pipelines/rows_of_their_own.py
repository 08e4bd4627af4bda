"""What is measured row by row needs rows that have outputs of their own."""

from __future__ import annotations

import logging

from lowland.artifacts import StoredModel
from lowland.estimate import Status
from lowland.measurements import Cell
from lowland.quantization import DynamicNetwork

_log = logging.getLogger(__name__)


def row_status(cell: Cell, model: StoredModel) -> Status:
    """``undefined`` for a network whose scales come from whole batches, with the reason in the log; else its status.

    Args:
        cell: Which it is.
        model: The network.
    """
    if model.status != "ok":
        return model.status
    network = model.network
    if isinstance(network, DynamicNetwork) and network.arithmetic.depends_on_batch:
        _log.warning(
            "%s: the loss landscape is undefined: scales of runtime %s come from the whole batch, so that no row has "
            "an output of its own",
            cell.id,
            network.arithmetic.name,
        )
        return "undefined"
    return "ok"
