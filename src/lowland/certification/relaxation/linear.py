"""Linear operations without parameters: sums, means, changes of shape."""

from __future__ import annotations

from torch import Tensor

from lowland.certification.real_network import Operation
from lowland.certification.relaxation.enclosure import Enclosure
from lowland.certification.relaxation.interval import Interval, roundoff
from lowland.certification.relaxation.transposed import transposed
from lowland.quantization.graph.operators import kind_of

MOVING = ("concat", "reshape", "permute", "slice", "pad", "flatten", "unflatten")
"""Kinds that compute nothing: their results are exact in float64."""


def linear_interval(enclosure: Enclosure, operation: Operation) -> Interval:
    """The range of a linear operation, exact: every kind there is rises with all operands, or falls with all."""
    operands = enclosure.operands(operation)
    at_lower = operation.layer(*(values.lower for values in operands))
    at_upper = operation.layer(*(values.upper for values in operands))
    found = Interval(at_lower.minimum(at_upper), at_lower.maximum(at_upper))
    if kind_of(operation.layer) in MOVING:
        return found
    return found.widened(_share(enclosure, operation) * operation.layer(*(values.size for values in operands)).abs())


def linear_pull(enclosure: Enclosure, operation: Operation, coefficients: Tensor) -> tuple[list[Tensor], Tensor]:
    """A L h, by the transposed operation.

    Args:
        enclosure: Intervals of what comes before.
        operation: L.
        coefficients: A [rows or 1, objectives, *shape].

    Returns:
        Coefficients of each operand, and the constant [rows or 1, objectives]: what float64 rounds away.
    """
    operands = enclosure.operands(operation)
    shapes = [values.lower.shape[1:] for values in operands]
    pulled = transposed(operation.layer, coefficients, shapes)
    constant = coefficients.new_zeros(coefficients.shape[:2])
    if kind_of(operation.layer) in MOVING:
        return pulled, constant
    share = _share(enclosure, operation)
    for spread, values in zip(transposed(operation.layer, coefficients.abs(), shapes), operands, strict=True):
        constant = constant - share * (spread.abs() * values.size.unsqueeze(1)).flatten(2).sum(-1)
    return pulled, constant


def _share(enclosure: Enclosure, operation: Operation) -> float:
    return roundoff(sum(values.lower[0].numel() for values in enclosure.operands(operation)))
