"""The ways to find scales from data: least squared error, percentiles, largest values."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import floor
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lowland.quantization.calibration.least_error import OFF_GRID, best_threshold, least_output_error
from lowland.quantization.calibration.zero_points import MovedRange, range_of_least_error, range_of_percentiles
from lowland.quantization.fake_quantized.grid import Grid
from lowland.quantization.precision import Precision


class Calibration(NamedTuple):
    """Where thresholds, scale times the number of codes on the longer side, come from.

    Attributes:
        activations: From what is rounded and lowest and highest code.
        ranges: From what is rounded and the width of asymmetric codes.
        weights: From a layer, the shape of its grid, and what the quantized and the float network feed the layer; in
            the shape of the scale.
    """

    activations: Callable[[Tensor, Grid], float]
    ranges: Callable[[Tensor, int], MovedRange]
    weights: Callable[[Any, Grid, Tensor, Tensor], Tensor]


def least_squared_error(precision: Precision) -> Calibration:
    """The error of rounding for activations, of the layer's outputs for weights."""
    powers = precision.scale == "power_of_two"
    return Calibration(
        partial(best_threshold, powers=powers),
        partial(range_of_least_error, powers=powers),
        partial(least_output_error, powers=powers),
    )


def percentile(precision: Precision) -> Calibration:
    """A percentile of the sizes of activations and the largest weights, as Brevitas' quantizers have it by default."""
    assert precision.percentile is not None  # Precision has seen to it
    return _clipping(precision.percentile, precision)


def largest(precision: Precision) -> Calibration:
    """The largest activations and weights: nothing is clipped."""
    return _clipping(100, precision)


def _clipping(percentile: float, precision: Precision) -> Calibration:
    """What lies inside a percentile of the activations, and the largest weights."""
    return Calibration(
        partial(size_threshold, percentile=percentile),
        partial(range_of_percentiles, percentile=percentile, powers=precision.scale == "power_of_two"),
        largest_weights,
    )


CALIBRATIONS: dict[str, Callable[[Precision], Calibration]] = {
    "mse": least_squared_error,
    "percentile": percentile,
    "max": largest,
}


def size_percentile(values: Tensor, percentile: float) -> Tensor:
    """The k-th smallest size of n values, k = percentile / 100 * n rounded, halves up: Brevitas' ``AbsPercentile``.

    Args:
        values: Floats of any shape, at least one.
        percentile: Above 0 and at most 100.
    """
    rank = max(floor(0.01 * percentile * values.numel() + 0.5), 1)
    if rank >= values.numel():
        return values.abs().max()
    return values.abs().flatten().kthvalue(rank).values


def size_threshold(values: Tensor, shape: Grid, *, percentile: float) -> float:
    """The threshold at a percentile of the sizes; at the largest one where the percentile is 0.

    Args:
        values: Floats of any shape; of those behind a rectifier, what lies below 0 counts as 0.
        shape: Lowest and highest code.
        percentile: Above 0 and at most 100.

    Returns:
        Above 0.
    """
    sizes = values if shape.lowest < 0 else values.clamp(min=0)
    found = float(size_percentile(sizes, percentile)) or float(sizes.abs().max())
    return found * OFF_GRID or 1.0


def largest_weights(layer: Any, shape: Grid, values: Tensor, exact: Tensor) -> Tensor:
    """The largest weight of the tensor, or of each output channel, in the shape of the scale; the data play no part."""
    sizes = layer.weight.abs()
    kept = [dim for dim, size in enumerate(shape.scale.shape) if size > 1]
    others = [dim for dim in range(sizes.ndim) if dim not in kept]
    found = (sizes.amax(others) if others else sizes).reshape(shape.scale.shape)  # of no dimensions, amax takes all
    return torch.where(found > 0, found, 1.0)
