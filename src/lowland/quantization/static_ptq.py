"""Static calibration: the scales of weights and activations that lose least, from data."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.quantization.qat import Grid, QuantizedNetwork, on_grid

_BINS = 2048
_CANDIDATES = 200


def calibrate(quantized: QuantizedNetwork, inputs: Tensor) -> QuantizedNetwork:
    """Sets every scale of a twin, layer by layer, to the one with the least mean squared rounding error.

    Each activation is calibrated on what the already quantized layers before it deliver.

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
        values, scale = inputs, torch.ones(())
        for name, layer in quantized.layers.named_children():
            data = layer.weight if isinstance(layer, nn.Linear) else values
            quantized.threshold(name).fill_(best_threshold(data, quantized.grid(name)))
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
    step = (largest - edge) / _BINS
    centres = edge + step * (torch.arange(_BINS) + 0.5)
    unit = max(-shape.lowest, shape.highest)
    candidates = largest * torch.arange(1, _CANDIDATES + 1) / _CANDIDATES
    rounded = on_grid(centres, Grid(candidates[:, None] / unit, shape.lowest, shape.highest))
    return float(candidates[((rounded - centres).square() @ counts).argmin()])
