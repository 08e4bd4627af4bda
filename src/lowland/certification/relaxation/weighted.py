"""Weighted operations: weights, biases and values of boxes at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lowland.certification.real_network import Operation
from lowland.certification.relaxation.enclosure import Enclosure, MovingLayer
from lowland.certification.relaxation.interval import Interval, roundoff
from lowland.certification.relaxation.transposed import transposed
from lowland.quantization.graph.affine import Affine, affine


def weighted_interval(enclosure: Enclosure, operation: Operation) -> Interval:
    """The range of (W + D) h + b + d, exact where the signs of h are known.

    Non-negative and negative parts of h are taken apart: (W + D) h is h+ times [W - E, W + E] minus h- times the same.
    Where h straddles 0, W h -/+ E |h| from its middle may be closer: the better one counts, element by element.
    """
    layer = enclosure.layer(operation)
    (values,) = enclosure.operands(operation)
    weight, radius = layer.weight, layer.radii["weight"]
    lower, upper = weight - radius, weight + radius
    lowest, highest = _products(layer, values.lower.clamp(min=0), values.upper.clamp(min=0), lower, upper)
    if not values.is_nonnegative:
        least, most = _products(layer, (-values.upper).clamp(min=0), (-values.lower).clamp(min=0), lower, upper)
        lowest, highest = lowest - most, highest - least
        middle, half = (values.lower + values.upper) / 2, (values.upper - values.lower) / 2
        center = layer.applied(middle, weight)
        spread = layer.applied(half, weight.abs()) + layer.applied(values.size, radius)
        lowest, highest = lowest.maximum(center - spread), highest.minimum(center + spread)
    if layer.bias is not None:
        zeros = torch.zeros_like(values.lower[:1])
        bias, moves = layer.applied(zeros, weight, layer.bias), layer.applied(zeros, weight, layer.radii["bias"])
        lowest, highest = lowest + (bias - moves), highest + (bias + moves)
    # The enlarged radii cover the products; sums of the parts are a few roundings of numbers of this size.
    slack = roundoff(0) * (lowest.abs() + highest.abs() + layer.applied(values.size, weight.abs() + radius))
    return Interval(lowest - slack, highest + slack)


def weighted_pull(enclosure: Enclosure, operation: Operation, coefficients: Tensor) -> tuple[list[Tensor], Tensor]:
    """A z >= A (W h + b) - |A| (E |h| + e), with |h| = h or -h where signs are known and else its chord.

    Args:
        enclosure: Intervals of what comes before.
        operation: z from h.
        coefficients: A [rows or 1, objectives, *shape].

    Returns:
        Coefficients of h, and the constant [rows or 1, objectives].
    """
    layer = enclosure.layer(operation)
    (values,) = enclosure.operands(operation)
    sizes = coefficients.abs()
    pulled = _pulled(layer, coefficients, layer.weight, values)
    spread = _pulled(layer, sizes, layer.radii["weight"], values)
    constant = pulled.new_zeros(coefficients.shape[:2])
    if layer.bias is not None:
        zeros = torch.zeros_like(values.lower[:1])
        bias = layer.applied(zeros, layer.weight, layer.bias)
        moves = layer.applied(zeros, layer.weight, layer.radii["bias"])
        # Sums over all places: where a bias acts at several, the radius of the sum is no larger than that of each.
        constant = _total(coefficients * bias) - _total(sizes * (moves + roundoff(bias.numel()) * (bias.abs() + moves)))
    if values.is_nonnegative:
        return [pulled - spread], constant
    # The chord of |h| over [l, u]: h itself, -h, or from -l to u.
    span = values.upper - values.lower
    straddles = (values.lower < 0) & (values.upper > 0)
    slope = torch.where(straddles, (values.upper + values.lower) / torch.where(straddles, span, 1.0), 1.0)
    slope = torch.where(values.upper <= 0, -1.0, slope).unsqueeze(1)
    share = roundoff(values.lower[0].numel())
    # At both ends the chord has to reach |h|.
    reach = torch.maximum(
        values.upper - slope.squeeze(1) * values.upper, -values.lower - slope.squeeze(1) * values.lower
    )
    offset = torch.where(straddles, reach * (1 + share) + share * values.size, 0.0).unsqueeze(1)
    return [pulled - spread * slope], constant - _total(spread * offset)


def _products(layer: MovingLayer, least: Tensor, most: Tensor, lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
    """Smallest and largest sums of weights from ``lower`` to ``upper`` times values from ``least`` >= 0 to ``most``."""
    smallest = layer.applied(least, lower.clamp(min=0)) + layer.applied(most, lower.clamp(max=0))
    largest = layer.applied(most, upper.clamp(min=0)) + layer.applied(least, upper.clamp(max=0))
    return smallest, largest


def _pulled(layer: MovingLayer, coefficients: Tensor, weight: Tensor, values: Interval) -> Tensor:
    """The transposed sums of the layer with other weights."""
    module = layer.operation.layer
    if isinstance(module, nn.Linear):
        return coefficients @ weight
    if isinstance(module, Affine):
        return affine(coefficients, weight, None, dim=module.dim)
    return transposed(lambda inputs: layer.applied(inputs, weight), coefficients, [values.lower.shape[1:]])[0]


def _total(terms: Tensor) -> Tensor:
    return terms.flatten(2).sum(-1)
