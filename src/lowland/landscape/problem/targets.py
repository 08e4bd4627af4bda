"""Targets in the type that a loss takes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.landscape.problem.batches import spread_rows
from lowland.landscape.problem.model import Batch, Loss

PROBE_ROWS = 3


def with_usable_targets(module: nn.Module, loss: Loss, batches: tuple[Batch, ...]) -> tuple[Batch, ...]:
    """The batches, class labels in other whole numbers as int64 where the loss takes these.

    Args:
        module: In evaluation mode.
        loss: ``loss(outputs, targets)``.
        batches: Pairs (inputs, targets).

    Raises:
        LowlandError: A loss that cannot be had of these outputs and targets.
    """
    inputs, targets = spread_rows(batches, PROBE_ROWS)
    with torch.no_grad():
        outputs = module(inputs)
    if len(outputs) != len(targets):
        return batches  # refused where rows matter
    kinds = {aims.dtype for _, aims in batches} - {torch.int64}
    if any(kind.is_floating_point or kind.is_complex for kind in kinds) or not kinds:
        _value(loss, outputs, targets)
        return batches
    try:
        whole = _value(loss, outputs, targets.long())
    except LowlandError:
        _value(loss, outputs, targets)
        return batches
    try:
        same = torch.equal(_value(loss, outputs, targets), whole)
    except LowlandError:
        same = True
    return tuple((rows, aims.long()) for rows, aims in batches) if same else batches


def on_own_outputs(loss: Loss, outputs: Tensor, targets: Tensor) -> Loss:
    """The loss, given copies of what it would change in place.

    Args:
        loss: ``loss(outputs, targets)``.
        outputs: [rows, ...] of any rows.
        targets: [rows, ...] of these.
    """
    given = outputs.clone(), targets.clone()
    before = [part._version for part in given]
    with torch.no_grad():
        loss(*given)
    if [part._version for part in given] == before:
        return loss
    return lambda z, y: loss(z.clone(), y.clone())


def _value(loss: Loss, outputs: Tensor, targets: Tensor) -> Tensor:
    try:
        with torch.no_grad():
            return loss(outputs.clone(), targets.clone())
    except (IndexError, RuntimeError, TypeError, ValueError) as error:
        told = (str(error).splitlines() or [type(error).__name__])[0]
        raise LowlandError(
            f"loss: failed on outputs {tuple(outputs.shape)} {outputs.dtype} and targets {tuple(targets.shape)} "
            f"{targets.dtype} ({told}); expected a function of (outputs, targets) that gives their mean over rows"
        ) from error
