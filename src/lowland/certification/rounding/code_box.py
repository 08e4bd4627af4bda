"""The input codes within a radius of a row, and inputs that have given codes."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from lowland.certification.rounding.integer_graph import IntegerGraph
from lowland.certification.rounding.symbolic import Box
from lowland.errors import LowlandError

Unit = Literal["codes", "inputs"]
"""Of a radius: steps of the input's quantizer, or the inputs' own unit."""


def box_around(graph: IntegerGraph, row: Tensor, radius: float, unit: Unit) -> Box:
    """The codes of all inputs within a radius of a row, element by element: the quantizer is monotone.

    Args:
        graph: With the quantizer.
        row: Input [...].
        radius: In steps of the input's codes (a whole number), or in the inputs' unit; not negative.
        unit: Which.

    Raises:
        LowlandError: A radius that is negative, not finite or, in codes, not whole.
    """
    if not 0 <= radius < float("inf") or (unit == "codes" and radius != int(radius)):
        kind = "a whole number of codes" if unit == "codes" else "a number"
        raise LowlandError(f"radius is {radius}; expected {kind}, 0 or more")
    if unit == "inputs":
        ends = torch.stack([row.double() - radius, row.double() + radius])
        return box_between(graph, ends[0], ends[1])
    codes = graph.codes(row[None])[0].astype(np.float64)
    lowest, highest = graph.sensor.lowest, graph.sensor.highest
    return Box((codes - radius).clip(lowest, highest), (codes + radius).clip(lowest, highest))


def box_between(graph: IntegerGraph, lower: Tensor, upper: Tensor) -> Box:
    """The codes of all inputs between two [...]."""
    first, last = graph.codes(torch.stack([lower, upper])).astype(np.float64)
    return Box(first, last)


def inputs_of(graph: IntegerGraph, codes: Tensor, row: Tensor) -> Tensor:
    """Inputs [rows, ...] in float32 that have these codes [rows, inputs]."""
    return (codes * graph.sensor.scale).float().reshape(-1, *row.shape)
