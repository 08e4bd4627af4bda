"""Rows of data: checked, drawn from, and cut."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.landscape.problem.model import Batch, Batches
from lowland.randomness import generator


def checked_batches(batches: Batches, model: nn.Module) -> tuple[Batch, ...]:
    """The batches as a tuple of non-empty pairs on the model's device.

    Args:
        batches: Pairs (inputs, targets), rows first.
        model: Whose parameters and buffers say where the data must be.

    Raises:
        LowlandError: If there is no batch, a batch is no pair of tensors, has no rows or unequal numbers of rows, lives
            on another device than the model, or the model lives on several.
    """
    checked = tuple(batches)
    if not checked:
        raise LowlandError("batches: got none; expected at least one pair (inputs, targets)")
    device = _device(model)
    for index, batch in enumerate(checked):
        if isinstance(batch, Tensor) or not isinstance(batch, Sequence) or len(batch) != 2:
            raise LowlandError(
                f"batches[{index}]: got {type(batch).__name__}; expected a pair (inputs, targets): put a "
                "single pair in a list"
            )
        for name, values in zip(("inputs", "targets"), batch, strict=True):
            if not isinstance(values, Tensor):
                raise LowlandError(
                    f"batches[{index}]: {name} are a {type(values).__name__}; expected a tensor, rows first: use "
                    "torch.as_tensor"
                )
            if device is not None and values.device != device:
                raise LowlandError(
                    f"batches[{index}]: {name} are on {values.device}, the model on {device}; expected one device: "
                    "move one of them with .to(device)"
                )
        inputs, targets = batch
        if inputs.ndim == 0 or targets.ndim == 0 or len(inputs) == 0 or len(inputs) != len(targets):
            rows = [len(values) if values.ndim else "no" for values in batch]
            raise LowlandError(
                f"batches[{index}]: got {rows[0]} inputs and {rows[1]} targets; expected equal numbers above 0"
            )
    return checked


def _device(model: nn.Module) -> torch.device | None:
    """Where all parameters and buffers are.

    Raises:
        LowlandError: If they are in several places.
    """
    first: tuple[str, torch.device] | None = None
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        first = first or (name, tensor.device)
        if tensor.device != first[1]:
            raise LowlandError(
                f"model: {first[0]!r} is on {first[1]}, {name!r} on {tensor.device}; expected one device: move the "
                "model with .to(device)"
            )
    return first[1] if first else None


def spread_rows(batches: tuple[Batch, ...], count: int, *, labels: int = 0) -> Batch:
    """A few rows drawn from all batches, always the same ones.

    Args:
        batches: As ``checked_batches`` returns them; those whose rows have another shape than the first one's are left
            out.
        count: At most so many rows.
        labels: Where the targets are class labels, of a row or of places in it, so many of these get a row in any case,
            the extreme ones among them.
    """
    alike = [b for b in batches if all(p.shape[1:] == q.shape[1:] for p, q in zip(b, batches[0], strict=True))]
    total = sum(len(inputs) for inputs, _ in alike)
    picked = torch.randperm(total, generator=generator("spread rows"))[:count]
    if labels and not alike[0][1].is_floating_point():
        found = torch.cat([targets.flatten(1) if targets.ndim > 1 else targets[:, None] for _, targets in alike]).cpu()
        values = found.unique()
        some = values[torch.linspace(0, len(values) - 1, min(len(values), labels)).round().long()]
        firsts = torch.stack([(found == value).any(1).int().argmax() for value in some])
        picked = torch.cat([firsts, picked])[:count].unique()
    parts, start = [], 0
    for inputs, targets in alike:
        own = (picked[(picked >= start) & (picked < start + len(inputs))] - start).to(inputs.device)
        parts.append((inputs[own], targets[own]))
        start += len(inputs)
    return torch.cat([inputs for inputs, _ in parts]), torch.cat([targets for _, targets in parts])


def first_rows(pairs: tuple[Batch, ...], count: int) -> tuple[Batch, ...]:
    """The first rows of all batches together.

    Args:
        pairs: As ``checked_batches`` returns them.
        count: At most so many rows.
    """
    kept, left = [], count
    for inputs, targets in pairs:
        if left > 0:
            kept.append((inputs[:left], targets[:left]))
            left -= len(inputs)
    return tuple(kept)
