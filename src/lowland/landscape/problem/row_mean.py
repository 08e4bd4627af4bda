"""Is the loss a mean over independent rows? Only then do batches, chunks and single rows add up to it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.landscape.problem.batches import spread_rows
from lowland.landscape.problem.model import Batch, Loss, require_scalar

ROWS = 16  # on which the loss is tried
LABELS = 8  # class labels that are looked for on purpose
TOLERANCE = 1e-5  # relative to the losses; float32 leaves about 1e-6


def require_row_mean(model: nn.Module, loss: Loss, batches: tuple[Batch, ...]) -> None:
    r"""Refuses losses that are no means over independent rows, :math:`\ell(z, y) = \frac1n \sum_r \ell(z_r, y_r)`.

    Tried on a few rows that are spread over all batches and class labels: once as they are, and once with the outputs
    of other rows, since the losses of a network that fits may be too small to tell. A row on its own is given twice, so
    that nothing is asked of losses of single rows. Rows that are not finite are left out: they become a status.

    Args:
        model: In evaluation mode.
        loss: ``loss(outputs, targets)``.
        batches: As ``checked_batches`` returns them.

    Raises:
        LowlandError: If the loss is no scalar, or the losses of single rows do not average to it.
    """
    inputs, targets = spread_rows(batches, ROWS, labels=LABELS)
    with torch.no_grad():
        outputs = model(inputs)
        if len(outputs) != len(targets):
            return  # told where rows matter
        kept = _finite_rows(outputs) & _finite_rows(targets)
        outputs, targets = outputs[kept], targets[kept]
        for values in (outputs, outputs.roll(1, 0)) if len(outputs) else ():
            _require_mean(loss, values, targets)


def _require_mean(loss: Loss, outputs: Tensor, targets: Tensor) -> None:
    count = len(outputs)
    copies = 3 if count == 2 else 2  # a sum over as many copies as there are rows would pass for a mean
    alone = [torch.full((copies,), row, device=outputs.device) for row in range(count)]
    values = [loss(outputs, targets), *(loss(outputs[rows], targets[rows]) for rows in alone)]
    for value in values:
        require_scalar(value)
    whole, *single = (float(value) for value in values)
    mean = sum(single) / count
    eps = torch.finfo(outputs.dtype).eps
    size = sum(abs(value) for value in single) / count
    allowed = max(TOLERANCE, 16 * eps) * size + 16 * eps * float(outputs.abs().max())
    if torch.tensor(whole).isfinite() and not abs(whole - mean) <= allowed:
        raise LowlandError(
            f"loss: gave {whole:.4g} for {count} rows whose own losses average to {mean:.4g}; expected the mean over "
            "independent rows: no reduction='sum', no class weights and no ignore_index (repeat or drop rows instead)"
        )


def _finite_rows(values: Tensor) -> Tensor:
    """Which rows are finite throughout [rows]."""
    return values.isfinite().reshape(len(values), -1).all(1)
