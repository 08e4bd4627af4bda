"""The check that a network that was read in computes what its model does."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.quantization.graph.integer import IntegerNetwork

OF_SPREAD = 1e-5
"""How far outputs may lie apart, as a share of their spread."""

OF_ROWS = 1e-3
"""On what share of the rows they may lie further apart: where float rounding decides a tie between two codes."""

_ROWS = 256


@torch.no_grad()
def check_same(network: IntegerNetwork, model: Callable[[Tensor], Tensor], inputs: Tensor, name: str) -> None:
    """Compare a network with the model that it was read from.

    Args:
        network: As it was read.
        model: Inputs [rows, ...] -> outputs [rows, ...], floats.
        inputs: [rows, ...].
        name: Of the model, for messages.

    Raises:
        LowlandError: Another shape, or outputs apart on more than ``OF_ROWS`` of the rows.
    """
    expected = torch.cat([model(rows) for rows in inputs.split(_ROWS)])
    found = torch.cat([network(rows) for rows in inputs.split(_ROWS)])
    if found.shape != expected.shape:
        raise LowlandError(
            f"{name} gives outputs of shape {tuple(expected.shape[1:])} a row, its integer network "
            f"{tuple(found.shape[1:])}; expected the same: give an example like the inputs it was made for"
        )
    apart = (found - expected).abs().flatten(1).amax(1)
    spread = float(expected.max() - expected.min())
    wrong = int((~(apart <= OF_SPREAD * spread)).sum())  # NaN is wrong
    if wrong > OF_ROWS * len(inputs):
        raise LowlandError(
            f"{name} and its integer network differ on {wrong} of {len(inputs)} rows, by up to "
            f"{float(apart.max()):.3g} (outputs spread over {spread:.3g}); expected at most {OF_ROWS:.1%} of them, "
            "where rounding decides a tie: look for what its forward does beside the calls of its layers"
        )
