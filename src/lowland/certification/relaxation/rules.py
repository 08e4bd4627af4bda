"""One rule a kind of operation: its interval from intervals, and its coefficients as those of its operands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from lowland.certification.real_network import Kind, Operation
from lowland.certification.relaxation.elementwise import elementwise_interval, elementwise_pull
from lowland.certification.relaxation.enclosure import Enclosure
from lowland.certification.relaxation.interval import Interval
from lowland.certification.relaxation.linear import linear_interval, linear_pull
from lowland.certification.relaxation.pooling import maximum_interval, maximum_pull
from lowland.certification.relaxation.weighted import weighted_interval, weighted_pull


@dataclass(frozen=True)
class Rule:
    """How a kind of operation is enclosed.

    Attributes:
        interval: From an enclosure that knows its operands, the interval of its results.
        pull: From coefficients A [rows or 1, objectives, *shape] of its results z, coefficients of its operands and a
            constant with A z >= sum of A_i h_i + constant for all values, weights and biases that are allowed.
    """

    interval: Callable[[Enclosure, Operation], Interval]
    pull: Callable[[Enclosure, Operation, Tensor], tuple[list[Tensor], Tensor]]


RULES: dict[Kind, Rule] = {
    "weighted": Rule(weighted_interval, weighted_pull),
    "activation": Rule(elementwise_interval, elementwise_pull),
    "rounding": Rule(elementwise_interval, elementwise_pull),
    "linear": Rule(linear_interval, linear_pull),
    "maximum": Rule(maximum_interval, maximum_pull),
}
"""The rule of every kind."""
