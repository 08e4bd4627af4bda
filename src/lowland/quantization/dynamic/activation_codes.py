"""Float activations turned into codes, with scales that follow the values themselves."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lowland.coding.codes import code_range
from lowland.errors import LowlandError
from lowland.quantization.dynamic.arithmetic import ActivationCoding


class CodedActivations(NamedTuple):
    """Activations as the kernel reads them.

    Attributes:
        codes: Whole numbers in the float type of the values and in their shape; NaN where there is no code.
        scale: Step size, of a shape that multiplies the codes.
        zero_point: The code that stands for 0, in the same shape.
    """

    codes: Tensor
    scale: Tensor
    zero_point: Tensor

    def centred(self) -> Tensor:
        """Codes less their zero point."""
        return self.codes - self.zero_point

    def values(self) -> Tensor:
        """The floats that the codes stand for."""
        return self.centred() * self.scale


def code_activations(
    values: Tensor, coding: ActivationCoding, *, bits: int | Tensor, row_dims: int
) -> CodedActivations:
    """Codes and scales of float activations.

    Values that are all 0 have scale 1, or the floor where there is one. NaN and infinities, which no runtime promises
    anything about, make the values of their range NaN.

    Args:
        values: Floats [..., a row of ``row_dims`` dimensions], at least one.
        coding: How.
        bits: Width of the codes; with granularity ``row`` also one for each row, in a shape that multiplies the scales.
        row_dims: Dimensions of a row: 1 for linear layers, channels and places for convolutions.
    """
    dims = tuple(range(-row_dims, 0)) if coding.granularity == "row" else tuple(range(values.ndim))
    lowest, highest = _code_range(bits, coding, values)
    if coding.zero_point == "none":
        low, span, steps = None, values.abs().amax(dims, keepdim=True), (highest - lowest) / 2
    else:
        low, high = values.amin(dims, keepdim=True).clamp(max=0), values.amax(dims, keepdim=True).clamp(min=0)
        span, steps = high - low, 1.0 * (highest - lowest)
    scaled, scale = _scaled(values, span, steps, coding)
    if low is None:
        zero_point = torch.zeros_like(scale)
    else:
        ends = _scaled(low, span, steps, coding)[0], _scaled(high, span, steps, coding)[0]
        zero_point = _zero_point(*ends, lowest, highest, nearer=coding.zero_point == "nearer")
    codes = (scaled.round() + zero_point).clamp(lowest, highest)  # type: ignore[arg-type]  # as in _zero_point
    return CodedActivations(codes, scale, zero_point)


def _code_range(bits: int | Tensor, coding: ActivationCoding, values: Tensor) -> tuple[int | Tensor, int | Tensor]:
    """Lowest and highest code, of each row where each has a width of its own."""
    if isinstance(bits, int):
        return code_range(bits, signed=coding.signed)
    if coding.granularity == "batch":
        raise LowlandError(
            "bits are given row by row, and the scale is one for the whole batch; expected arithmetic by row: use "
            "runtime torchao or litert, or one width for all rows"
        )
    codes = 2.0 ** bits.to(values.dtype)
    lowest = -codes / 2 if coding.signed else torch.zeros_like(codes)
    return lowest, lowest + codes - 1


def _scaled(values: Tensor, span: Tensor, steps: float | Tensor, coding: ActivationCoding) -> tuple[Tensor, Tensor]:
    """Values in units of the scale, and the scale, in the order of roundings of the runtime."""
    if coding.scaling == "inverse":
        # Not steps / span: torch makes that the reciprocal times steps, which rounds twice.
        inverse = torch.where(span == 0, torch.ones_like(span), (torch.zeros_like(span) + steps) / span)
        return values * inverse, 1 / inverse
    scale = span / steps
    scale = scale.clamp(min=coding.smallest_scale) if coding.smallest_scale else torch.where(span == 0, 1.0, scale)
    return values / scale if coding.scaling == "divide" else values * (1 / scale), scale


def _zero_point(low: Tensor, high: Tensor, lowest: int | Tensor, highest: int | Tensor, *, nearer: bool) -> Tensor:
    """The code of 0, from the ends of the range in units of the scale."""
    found = lowest - low
    if nearer:
        found = torch.where((lowest + low) + (highest + high) > 0, found, highest - high)
    return found.clamp(lowest, highest).round()  # type: ignore[arg-type]  # both numbers, or both tensors
