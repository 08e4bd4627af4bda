"""Quantizers of activations as what they can do at most."""

from __future__ import annotations

from lowland.certification.encoding.activation import clamped
from lowland.certification.encoding.builder import Builder
from lowland.certification.encoding.scalar_network import Places
from lowland.certification.real_network import Operation, Rounding


def encode_rounding(
    operation: Operation, operands: list[Places], sizes: list[tuple[int, ...]], builder: Builder
) -> Places:
    """Values clamped to the range, each then moved by at most half a step."""
    (values,) = operands
    layer = operation.layer
    assert isinstance(layer, Rounding)
    return clamped(values, layer.lowest, layer.highest, builder, layer.half_step)
