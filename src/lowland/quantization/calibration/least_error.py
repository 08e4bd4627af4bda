"""Scales with the least squared error: of what is rounded, and of a layer's outputs."""

from __future__ import annotations

from math import frexp
from typing import Any

import torch
from torch import Tensor

from lowland.quantization.fake_quantized.grid import Grid, on_grid
from lowland.quantization.graph.operations import geometry, patches, weight_matrices, weighted_kind

OFF_GRID = 2**0.5 / 1.4143
"""An irrational factor just below 1 for thresholds that come from data.

The largest activation is a whole number of accumulator steps. A threshold at a simple fraction of it would make the
ratio of scales a simple fraction too, and products would fall on rounding ties, which float noise decides.
"""

_BINS = 2048
_CANDIDATES = 200
_POWERS = 10  # of two, downwards from the one that clips nothing
_PATCH_ELEMENTS = 2**24  # convolutions are fitted to as many samples as fill 64 MiB with what their outputs sum


def least_output_error(layer: Any, shape: Grid, values: Tensor, exact: Tensor, *, powers: bool = False) -> Tensor:
    """The thresholds for a layer's weights whose outputs are nearest to the float network's.

    The network knows which inputs occur (cf. Nagel et al. 2020, arXiv:2004.10568, eq. 13); at 4 bits and below this is
    well ahead of the rounding error of the weights themselves.

    Args:
        layer: With weights.
        shape: Lowest and highest code, and a scale in the shape that is looked for.
        values: What the quantized network feeds the layer, [samples, ...].
        exact: What the float network feeds it, [samples, ...].
        powers: Whether scales are powers of two.

    Returns:
        In the shape of the scale: scale times the number of codes on a side, above 0.
    """
    kind, sizes = weighted_kind(layer), geometry(layer)
    assert kind is not None  # whoever calls has seen its weights
    matrices = weight_matrices(kind, sizes, layer.weight)
    samples = max(1, _PATCH_ELEMENTS // patches(kind, sizes, values[:1]).numel())
    pieces = [patches(kind, sizes, tensor[:samples]) for tensor in (values, exact)]
    if shape.scale.ndim:
        return best_channel_thresholds(matrices, shape, *pieces, powers=powers).reshape(shape.scale.shape)
    return values.new_tensor(best_weight_threshold(matrices, shape, *pieces, powers=powers))


def best_threshold(values: Tensor, shape: Grid, *, powers: bool = False) -> float:
    """The threshold whose grid rounds values with the least squared error.

    Values are counted in bins first, so that the search costs the same however many there are.

    Args:
        values: Floats of any shape.
        shape: Lowest and highest code; the scale is what is looked for.
        powers: Whether it is a power of two.

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
    candidates = _candidates(torch.tensor(largest, device=values.device), shape, powers=powers)
    rounded = on_grid(centres, Grid(candidates[:, None] / unit(shape), shape.lowest, shape.highest))
    errors = (rounded - centres) / power_of_two(largest)
    return float(candidates[(errors.square() @ counts).argmin()])


def best_weight_threshold(weight: Tensor, shape: Grid, values: Tensor, exact: Tensor, *, powers: bool = False) -> float:
    """The threshold for weights whose outputs on quantized inputs are nearest to the float network's.

    The mean of |Q x' - W x|^2 over samples depends on Q = Q(threshold) through tr(Q A Q^T) - 2 tr(Q B W^T) with the
    second moments A = mean x' x'^T and B = mean x' x^T.

    Args:
        weight: W, [..., outputs, inputs].
        shape: Lowest and highest code; the scale is what is looked for.
        values: x', what the quantized network feeds the layer, [..., samples, inputs].
        exact: x, what the float network feeds it, [..., samples, inputs].
        powers: Whether scales are powers of two.

    Returns:
        Scale times the number of codes on a side, above 0.
    """
    largest = weight.abs().amax()
    if largest == 0:
        return 1.0
    candidates = _candidates(largest, shape, powers=powers)
    errors = _output_errors(weight, shape, values, exact, candidates.reshape(-1, *[1] * (weight.ndim - 1)))
    return float(candidates[errors.flatten(1).sum(1).argmin()])


def best_channel_thresholds(
    weight: Tensor, shape: Grid, values: Tensor, exact: Tensor, *, powers: bool = False
) -> Tensor:
    """``best_weight_threshold`` of every output by itself, [..., outputs]."""
    largest = weight.abs().amax(-1)
    candidates = _candidates(largest.where(largest > 0, 1.0), shape, powers=powers)
    errors = _output_errors(weight, shape, values, exact, candidates)
    return candidates.gather(0, errors.argmin(0, keepdim=True))[0]


def _output_errors(weight: Tensor, shape: Grid, values: Tensor, exact: Tensor, candidates: Tensor) -> Tensor:
    """Squared errors of each output [candidates, ..., outputs], up to a constant and factors that are powers of two.

    Candidates have such a shape as well.
    """
    rounded = on_grid(weight, Grid(candidates[..., None] / unit(shape), shape.lowest, shape.highest))
    rounded, weight = (tensor / power_of_two(float(weight.abs().max())) for tensor in (rounded, weight))
    values, exact = (tensor / power_of_two(float(exact.abs().max())) for tensor in (values, exact))
    quantized_moments, cross_moments = values.mT @ values, values.mT @ exact
    return (rounded @ quantized_moments * rounded - 2 * (rounded @ cross_moments) * weight).sum(-1)


def _candidates(largest: Tensor, shape: Grid, *, powers: bool) -> Tensor:
    """Thresholds to try [candidates, ...]: up to the largest value there is, [...]."""
    if powers:
        top = (largest.double() / unit(shape)).log2().ceil()
        exponents = torch.arange(_POWERS, device=largest.device).reshape(-1, *[1] * largest.ndim)
        return ((top - exponents).exp2() * unit(shape)).to(largest.dtype)
    shares = torch.arange(1, _CANDIDATES + 1, device=largest.device).reshape(-1, *[1] * largest.ndim)
    if not largest.ndim:
        return float(largest) * OFF_GRID * shares / _CANDIDATES
    return OFF_GRID * shares / _CANDIDATES * largest


def power_of_two(largest: float) -> float:
    """The power of two next to a size: numbers divided by it keep their digits, and their squares are in range.

    Args:
        largest: 0 or above.
    """
    return 2.0 ** min(max(frexp(largest)[1], -126), 126)


def unit(shape: Grid) -> int:
    """Number of codes on the longer side."""
    return max(-shape.lowest, shape.highest)
