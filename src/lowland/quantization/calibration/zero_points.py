"""Ranges of asymmetric codes: zero points and thresholds from what is rounded."""

from __future__ import annotations

from math import ceil, floor, log2
from typing import NamedTuple

import torch
from torch import Tensor

from lowland.quantization.calibration.least_error import OFF_GRID, best_threshold, power_of_two
from lowland.quantization.fake_quantized.grid import Grid

_BINS = 2048
_STEPS, _PLACES = 64, 17


class MovedRange(NamedTuple):
    """A range of codes that holds 0.

    Attributes:
        zero_point: The code of 0, from 0 to 2^bits - 1.
        threshold: Scale times the number of codes on the longer side of 0, above 0.
    """

    zero_point: int
    threshold: float


def range_of_percentiles(values: Tensor, bits: int, *, percentile: float, powers: bool) -> MovedRange:
    """The range from the percentile 100 - p to the percentile p of values, made to hold 0.

    Args:
        values: Floats of any shape, at least one.
        bits: Width of the codes.
        percentile: p, above 50 and at most 100: with 100 nothing is clipped.
        powers: Whether scales are powers of two.
    """
    flat = values.flatten()
    rank = min(max(floor(0.01 * percentile * flat.numel() + 0.5), 1), flat.numel())
    low = float(flat.kthvalue(flat.numel() + 1 - rank).values)
    high = float(flat.kthvalue(rank).values)
    if low >= 0 >= high:  # nothing but 0 inside: what lies outside must do
        low, high = float(flat.min()), float(flat.max())
    return _covering(min(low, 0.0), max(high, 0.0), bits, powers=powers)


def range_of_least_error(values: Tensor, bits: int, *, powers: bool) -> MovedRange:
    """The range whose grid rounds values with the least squared error.

    Step sizes and places of the range are searched together on a coarse grid; then, with the zero point found, the
    step size is searched as for symmetric codes.

    Args:
        values: Floats of any shape, at least one.
        bits: Width of the codes.
        powers: Whether scales are powers of two.
    """
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    codes = 2**bits - 1
    if low == high:
        return _covering(low, high, bits, powers=powers)
    counts = torch.histc(values.flatten(), _BINS, min=low, max=high)
    centres = low + (high - low) / _BINS * (torch.arange(_BINS, device=values.device) + 0.5)
    if powers:
        widest = ceil(log2((high - low) / codes))
        steps = 2.0 ** (widest - torch.arange(10.0, device=values.device))
    else:
        steps = (high - low) / codes * torch.arange(1, _STEPS + 1, device=values.device) / _STEPS
    places = torch.linspace(0, 1, _PLACES, device=values.device)
    starts = low + places * (high - low - codes * steps[:, None])
    zero_points = (-starts / steps[:, None]).round().clamp(0, codes)
    rounded = (centres / steps[:, None, None]).round()
    rounded = rounded.clamp(-zero_points[..., None], codes - zero_points[..., None]) * steps[:, None, None]
    errors = ((rounded - centres) / power_of_two(max(-low, high))).square() @ counts
    zero_point = int(zero_points.flatten()[errors.argmin()])
    shape = Grid(values.new_ones(()), -zero_point, codes - zero_point)
    return MovedRange(zero_point, best_threshold(values, shape, powers=powers))


def _covering(low: float, high: float, bits: int, *, powers: bool) -> MovedRange:
    """The finest range that clips less than half a step from ``low`` (at most 0) to ``high`` (at least 0)."""
    codes = 2**bits - 1
    if low == high:
        return MovedRange(2 ** (bits - 1), 1.0)
    step = (high - low) / codes
    step = 2.0 ** ceil(log2(step)) if powers else step * OFF_GRID
    zero_point = min(max(round(-low / step), 0), codes)
    return MovedRange(zero_point, step * max(zero_point, codes - zero_point))
