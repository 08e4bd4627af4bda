"""Does every row go through the network for itself? Then batches are only pieces of one set of rows."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError

PROBE_ROWS = 3


def require_independent_rows(module: nn.Module, inputs: Tensor) -> None:
    """Refuses networks that mix rows: nothing can be said row by row, and means over rows depend on the batches.

    The outputs of the first row must not move with the other rows: their gradient there is zero, or, for inputs without
    gradients (codes of tokens), they stay as they are beside copies of the row itself.

    Args:
        module: In evaluation mode.
        inputs: [rows, ...]; the first three are looked at.

    Raises:
        LowlandError: If the outputs of a row depend on other rows, or are not one for each.
    """
    rows = inputs[:PROBE_ROWS].detach()
    if rows.is_floating_point() and not rows.isfinite().all():
        return
    leaf = rows.clone().requires_grad_(rows.is_floating_point())
    outputs = module(leaf)
    if len(outputs) != len(rows):
        raise LowlandError(
            f"model: gave {len(outputs)} outputs for {len(rows)} rows; expected one for each, rows first"
        )
    if not rows.is_floating_point():
        with torch.no_grad():
            other = module(rows[:1].expand_as(rows))
        tolerance = torch.finfo(outputs.dtype).eps ** 0.5
        mixed = not torch.allclose(outputs[0], other[0], rtol=tolerance, atol=tolerance, equal_nan=True)
    elif outputs.requires_grad:
        (slope,) = torch.autograd.grad(outputs[0].sum(), leaf, allow_unused=True, materialize_grads=True)
        mixed = bool(slope[1:].nan_to_num(0, 0, 0).any())
    else:
        mixed = False
    if mixed:
        raise LowlandError(
            "model: the outputs of one row depend on other rows; expected independent rows: give normalisation layers "
            "running statistics (track_running_stats=True) and put rows first"
        )
