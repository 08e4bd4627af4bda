"""Whether an answer depends on what else is in the batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

PADDED_ROWS = 32
"""Rows of a batch that is filled up with zeros."""


@torch.no_grad()
def batch_sensitivity(network: nn.Module, inputs: Tensor, decide: Callable[[Tensor], Tensor], *, rows: int) -> Tensor:
    """Whether rows are decided otherwise with all others than alone.

    Args:
        network: Deployed network.
        inputs: What is computed together [samples, ...].
        decide: Outputs [samples, ...] -> decisions [samples], equal where what is done is equal.
        rows: How many of them are looked at, the first ones.

    Returns:
        Booleans [rows].
    """
    together = decide(network(inputs)[:rows])
    return together != decide(torch.cat([network(row[None]) for row in inputs[:rows]]))


@torch.no_grad()
def padding_sensitivity(network: nn.Module, inputs: Tensor, decide: Callable[[Tensor], Tensor]) -> Tensor:
    """Whether rows are decided otherwise in a batch that is filled up with rows of zeros than alone.

    Args:
        network: Deployed network.
        inputs: [rows, ...].
        decide: As for ``batch_sensitivity``.

    Returns:
        Booleans [rows].
    """
    padding = inputs.new_zeros(PADDED_ROWS - 1, *inputs.shape[1:])
    alone = [network(row[None]) for row in inputs]
    padded = [network(torch.cat((row[None], padding)))[:1] for row in inputs]
    return decide(torch.cat(padded)) != decide(torch.cat(alone))
