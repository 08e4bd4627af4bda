"""Weights turned into codes, by the scales of a runtime."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lowland.coding.codes import code_range, smallest_dtype
from lowland.quantization.dynamic.arithmetic import WeightCoding


class CodedWeights(NamedTuple):
    """Weights as they are stored.

    Attributes:
        codes: In the smallest integer type of torch.
        scale: Step size, a scalar or of a shape that multiplies the codes.
    """

    codes: Tensor
    scale: Tensor


def channel_axis(kind: str) -> int:
    """The dimension of a layer's weights that runs over its output channels."""
    return 1 if kind == "conv_transpose2d" else 0


def code_weights(weight: Tensor, coding: WeightCoding, *, bits: int, axis: int | None) -> CodedWeights:
    """Codes and scales of a layer's weights; weights that are all 0 have scale 1, or the floor where there is one.

    Args:
        weight: Finite float32 of any shape.
        coding: How.
        bits: Width of the codes.
        axis: The dimension along which every index has a scale of its own; ``None`` for one scale in all.
    """
    dims = [dim for dim in range(weight.ndim) if dim != axis]
    largest = weight.detach().abs().amax(dims, keepdim=axis is not None)
    lowest, highest = code_range(bits, signed=True)
    if coding.narrow:
        lowest = -highest
        scale = (largest.double() / highest).to(weight.dtype)  # in float64, as scales are found before deployment
    else:
        scale = largest / (highest + 0.5)
    if coding.smallest_scale:
        scale = scale.clamp(min=coding.smallest_scale)
    else:
        scale = torch.where(scale < torch.finfo(weight.dtype).tiny, torch.ones_like(scale), scale)
    scaled = weight.detach() / scale if coding.scaling == "divide" else weight.detach() * (1 / scale)
    return CodedWeights(scaled.round().clamp(lowest, highest).to(smallest_dtype(bits)), scale)
