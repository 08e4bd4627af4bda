"""How far a network's answers move when its precision does: an uncertainty that asks the network twice."""

from __future__ import annotations

import torch
from torch import Tensor

from lowland.disagreement.rows import checked_logits
from lowland.errors import LowlandError

NEARBY = "nearby_precision"
"""Name of this uncertainty among those that are made of one network's outputs alone."""


def nearby_distance(logits: Tensor, nearby: Tensor) -> Tensor:
    r"""Total variation distance of the probabilities of one network in two precisions, :math:`\sum_k |p_k - q_k| / 2`.

    Args:
        logits: [rows, classes] of the network that answers.
        nearby: [rows, classes] of the same network in the precision next to its own.

    Returns:
        [rows] in float64, from 0 to 1, higher where it is less sure; NaN where an output of either is not finite.

    Raises:
        LowlandError: Outputs of another form, or of other rows or classes.
    """
    checked_logits(logits, "logits")
    checked_logits(nearby, "nearby")
    if logits.shape != nearby.shape:
        raise LowlandError(f"nearby has shape {list(nearby.shape)}; expected that of logits, {list(logits.shape)}")
    finite = logits.isfinite().all(1) & nearby.isfinite().all(1)
    apart = (logits.double().softmax(1) - nearby.double().softmax(1)).abs().sum(1) / 2
    return torch.where(finite, apart, torch.nan)
