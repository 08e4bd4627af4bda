"""Ranges of what layers read, beyond which values are cut off: from training rows, once and for all."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.worst_case.guard import Guard
from lowland.worst_case.subject import PolicySubject


@torch.no_grad()
def clipping_guards(subject: PolicySubject, inputs: Tensor, percentile: float) -> dict[str, Guard]:
    """By layer the range from the opposite percentile to this one of all numbers that it reads, 0 included.

    Args:
        subject: The network, which calibrates without any policy.
        inputs: Training rows [rows, ...], one at least.
        percentile: Above 50 and at most 100; 100 cuts nothing off, on other rows neither.

    Raises:
        LowlandError: Another percentile, or no rows.
    """
    if not 50 < percentile <= 100:
        raise LowlandError(f"percentile is {percentile}; expected a number above 50 and at most 100")
    if not len(inputs):
        raise LowlandError("inputs have no rows; expected training rows to take percentiles of")
    read: dict[str, list[Tensor]] = {layer: [] for layer in subject.layers}

    def look(number: int, values: Tensor) -> int:
        read[subject.layers[number]].append(values.flatten())
        return subject.own_bits[number]

    if percentile == 100:
        return {}
    subject(inputs, look)
    return {layer: _range(torch.cat(values), percentile) for layer, values in read.items()}


def _range(values: Tensor, percentile: float) -> Guard:
    """Whole order statistics, not interpolated: a range ends at a number that occurred."""
    ordered = values.sort().values
    outside = math.floor(len(ordered) * (1 - percentile / 100))
    low, high = float(ordered[outside]), float(ordered[-1 - outside])
    return Guard(low=min(low, 0.0), high=max(high, 0.0))
