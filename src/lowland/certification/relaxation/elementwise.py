"""Activations and quantizers of activations: functions of one number each."""

from __future__ import annotations

from torch import Tensor

from lowland.certification.real_network import Operation
from lowland.certification.relaxation.curves import curve_of
from lowland.certification.relaxation.enclosure import Enclosure
from lowland.certification.relaxation.interval import Interval
from lowland.certification.relaxation.lines import Lines, curve_range, lines_around


def elementwise_interval(enclosure: Enclosure, operation: Operation) -> Interval:
    """The range of the function over each interval."""
    (values,) = enclosure.operands(operation)
    return curve_range(curve_of(operation.layer), values)


def elementwise_pull(enclosure: Enclosure, operation: Operation, coefficients: Tensor) -> tuple[list[Tensor], Tensor]:
    """A f(h) >= A times the line below f where A is positive, and the line above where it is negative.

    Args:
        enclosure: Intervals of what comes before.
        operation: The function of h.
        coefficients: A [rows or 1, objectives, *shape].

    Returns:
        Coefficients of h, and the constant [rows, objectives].
    """
    lines = lines_of(enclosure, operation)
    positive, negative = coefficients.clamp(min=0), coefficients.clamp(max=0)
    pulled = positive * lines.lower_slope.unsqueeze(1) + negative * lines.upper_slope.unsqueeze(1)
    terms = positive * lines.lower_intercept.unsqueeze(1) + negative * lines.upper_intercept.unsqueeze(1)
    return [pulled], terms.flatten(2).sum(-1)


def lines_of(enclosure: Enclosure, operation: Operation) -> Lines:
    """The two lines around each function, made once."""
    if operation.name not in enclosure.lines:
        (values,) = enclosure.operands(operation)
        terms = values.lower[0].numel()
        enclosure.lines[operation.name] = lines_around(curve_of(operation.layer), values, terms)
    return enclosure.lines[operation.name]
