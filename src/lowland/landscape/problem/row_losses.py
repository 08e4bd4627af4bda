"""The loss of every row, of a loss that is a mean over rows."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import vmap

from lowland.landscape.problem.model import Loss


def row_losses(loss: Loss, outputs: Tensor, targets: Tensor) -> Tensor:
    """Loss [rows] of every row.

    All rows at once where torch can; a loss that looks at its values (conditions, masks), or takes no single row, goes
    row by row, each given twice.

    Args:
        loss: ``loss(outputs, targets)``, mean over rows.
        outputs: [rows, ...].
        targets: [rows, ...].
    """
    try:
        return vmap(lambda z, y: loss(z[None], y[None]))(outputs, targets)
    except (IndexError, RuntimeError, ValueError):
        pairs = zip(outputs.split(1), targets.split(1), strict=True)
        return torch.stack([loss(torch.cat([z, z]), torch.cat([y, y])) for z, y in pairs])
