"""Static calibration: the scales of weights and activations that lose least, from data."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.quantization.fake_quantize import Grid, on_grid
from lowland.quantization.operations import geometry, operation, patches, weight_matrices, weighted_kind
from lowland.quantization.qat import INPUT, QuantizedNetwork

_BINS = 2048
_OFF_GRID = 2**0.5 / 1.4143  # irrational and just below 1
_CANDIDATES = 200
_PATCH_ELEMENTS = 2**24  # convolutions are fitted to as many rows as fill 64 MiB with what their outputs sum


def calibrate(quantized: QuantizedNetwork, inputs: Tensor) -> QuantizedNetwork:
    """Sets every scale of a twin, layer by layer, to the one with the least mean squared error.

    Activations: the error of rounding what the quantized layers before deliver. Weights: the error of the layer's
    outputs against those of the float network, which knows which inputs occur (cf. Nagel et al. 2020,
    arXiv:2004.10568, eq. 13); at 4 bits and below it is well ahead of the rounding error of the weights themselves.

    Args:
        quantized: From ``build_quantized``; changed in place.
        inputs: Training rows [rows, ...], finite.

    Returns:
        The twin itself.

    Raises:
        LowlandError: No rows, or values that are not finite.
    """
    if len(inputs) == 0:
        raise LowlandError("calibration inputs have 0 rows; expected at least 1")
    if not inputs.isfinite().all():
        raise LowlandError("calibration inputs hold NaN or infinite values; expected finite rows: clean the data first")
    with torch.no_grad():
        exact, values, scale = inputs, inputs, inputs.new_ones(())
        layer: Any
        for name, layer in quantized.layers.named_children():
            if (kind := weighted_kind(layer)) is not None:
                threshold, shape = quantized.threshold(name), quantized.grid(name)
                sizes = geometry(layer)
                matrices = weight_matrices(kind, sizes, layer.weight)
                rows = max(1, _PATCH_ELEMENTS // patches(kind, sizes, values[:1]).numel())
                pieces = [patches(kind, sizes, tensor[:rows]) for tensor in (values, exact)]
                if threshold.ndim:
                    threshold.copy_(best_channel_thresholds(matrices, shape, *pieces).reshape(threshold.shape))
                else:
                    threshold.fill_(best_weight_threshold(matrices, shape, *pieces))
                exact = operation(kind, sizes)(exact, layer.weight, layer.bias)
            elif name in quantized.bits:
                quantized.threshold(name).fill_(best_threshold(values, quantized.grid(name)))
                exact = exact if name == INPUT else functional.relu(exact)
            else:
                exact = layer(exact)
            values, scale = quantized.compute(name, values, scale)
        quantized.calibrated.fill_(True)
    return quantized


def best_threshold(values: Tensor, shape: Grid) -> float:
    """The threshold whose grid rounds values with the least squared error.

    Values are counted in bins first, so that the search costs the same however many there are.

    Args:
        values: Floats of any shape.
        shape: Lowest and highest code; the scale is what is looked for.

    Returns:
        Scale times the number of codes on the longer side, above 0.
    """
    flat = values.reshape(-1) if shape.lowest < 0 else values.reshape(-1).clamp(min=0)
    largest = float(flat.abs().max())
    if largest == 0:
        return 1.0
    edge = -largest if shape.lowest < 0 else 0.0
    counts = torch.histc(flat, _BINS, min=edge, max=largest)
    centres = edge + (largest - edge) / _BINS * (torch.arange(_BINS, device=values.device) + 0.5)
    candidates = _candidates(largest, values.device)
    rounded = on_grid(centres, Grid(candidates[:, None] / _unit(shape), shape.lowest, shape.highest))
    return float(candidates[((rounded - centres).square() @ counts).argmin()])


def best_weight_threshold(weight: Tensor, shape: Grid, values: Tensor, exact: Tensor) -> float:
    """The threshold for weights whose outputs on quantized inputs are nearest to the float network's.

    The mean of |Q x' - W x|^2 over rows depends on Q = Q(threshold) through tr(Q A Q^T) - 2 tr(Q B W^T) with the
    second moments A = mean x' x'^T and B = mean x' x^T.

    Args:
        weight: W, [..., outputs, inputs].
        shape: Lowest and highest code; the scale is what is looked for.
        values: x', what the quantized network feeds the layer, [..., rows, inputs].
        exact: x, what the float network feeds it, [..., rows, inputs].

    Returns:
        Scale times the number of codes on a side, above 0.
    """
    largest = weight.abs().amax()
    if largest == 0:
        return 1.0
    candidates = _candidates(float(largest), weight.device)
    errors = _output_errors(weight, shape, values, exact, candidates.reshape(-1, *[1] * (weight.ndim - 1)))
    return float(candidates[errors.flatten(1).sum(1).argmin()])


def best_channel_thresholds(weight: Tensor, shape: Grid, values: Tensor, exact: Tensor) -> Tensor:
    """``best_weight_threshold`` of every output by itself, [..., outputs]."""
    largest = weight.abs().amax(-1)
    candidates = _candidates(1.0, weight.device).reshape(-1, *[1] * largest.ndim) * largest.where(largest > 0, 1.0)
    errors = _output_errors(weight, shape, values, exact, candidates)
    return candidates.gather(0, errors.argmin(0, keepdim=True))[0]


def _output_errors(weight: Tensor, shape: Grid, values: Tensor, exact: Tensor, candidates: Tensor) -> Tensor:
    """Squared errors of each output [candidates, ..., outputs], up to a constant, with candidates of such a shape."""
    rounded = on_grid(weight, Grid(candidates[..., None] / _unit(shape), shape.lowest, shape.highest))
    quantized_moments, cross_moments = values.mT @ values, values.mT @ exact
    return (rounded @ quantized_moments * rounded - 2 * (rounded @ cross_moments) * weight).sum(-1)


def _candidates(largest: float, device: torch.device) -> Tensor:
    """Thresholds to try: up to the largest value there is.

    The largest activation is a whole number of accumulator steps. A threshold at a simple fraction of it would make
    the ratio of scales a simple fraction too, and products would fall on rounding ties, which float noise decides.
    """
    return largest * _OFF_GRID * torch.arange(1, _CANDIDATES + 1, device=device) / _CANDIDATES


def _unit(shape: Grid) -> int:
    """Number of codes on the longer side."""
    return max(-shape.lowest, shape.highest)
