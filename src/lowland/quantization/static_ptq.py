"""Static calibration: the scales of weights and activations that lose least, from data."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.quantization.qat import INPUT, Grid, QuantizedNetwork, on_grid

_BINS = 2048
_OFF_GRID = 2**0.5 / 1.4143  # irrational and just below 1
_CANDIDATES = 200


def calibrate(quantized: QuantizedNetwork, inputs: Tensor) -> QuantizedNetwork:
    """Sets every scale of a twin, layer by layer, to the one with the least mean squared error.

    Activations: the error of rounding what the quantized layers before deliver. Weights: the error of the layer's
    outputs against those of the float network, which knows which inputs occur (cf. Nagel et al. 2020,
    arXiv:2004.10568, eq. 13); at 4 bits and below it is well ahead of the rounding error of the weights themselves.

    Args:
        quantized: From ``build_quantized``; changed in place.
        inputs: Training rows [rows, features], finite.

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
        for name, layer in quantized.layers.named_children():
            shape = quantized.grid(name)
            if isinstance(layer, nn.Linear):
                best = best_weight_threshold(layer.weight, shape, values, exact)
                exact = functional.linear(exact, layer.weight, layer.bias)
            else:
                best = best_threshold(values, shape)
                exact = exact if name == INPUT else functional.relu(exact)
            quantized.threshold(name).fill_(best)
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
        weight: W, [outputs, inputs].
        shape: Lowest and highest code; the scale is what is looked for.
        values: x', what the quantized network feeds the layer, [rows, inputs].
        exact: x, what the float network feeds it, [rows, inputs].

    Returns:
        Scale times the number of codes on a side, above 0.
    """
    largest = float(weight.abs().max())
    if largest == 0:
        return 1.0
    candidates = _candidates(largest, weight.device)
    rounded = on_grid(weight, Grid(candidates[:, None, None] / _unit(shape), shape.lowest, shape.highest))
    quantized_moments, cross_moments = values.T @ values, values.T @ exact
    errors = (rounded @ quantized_moments * rounded - 2 * (rounded @ cross_moments) * weight).sum((1, 2))
    return float(candidates[errors.argmin()])


def _candidates(largest: float, device: torch.device) -> Tensor:
    """Thresholds to try: up to the largest value there is.

    The largest activation is a whole number of accumulator steps. A threshold at a simple fraction of it would make
    the ratio of scales a simple fraction too, and products would fall on rounding ties, which float noise decides.
    """
    return largest * _OFF_GRID * torch.arange(1, _CANDIDATES + 1, device=device) / _CANDIDATES


def _unit(shape: Grid) -> int:
    """Number of codes on the longer side."""
    return max(-shape.lowest, shape.highest)
