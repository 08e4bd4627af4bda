"""What linear bounds may choose: slopes below ReLU, and multipliers of limits."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lowland.certification.real_network import Operation
from lowland.certification.relaxation.elementwise import lines_of
from lowland.certification.relaxation.enclosure import Enclosure
from lowland.certification.relaxation.interval import roundoff


@dataclass(frozen=True, eq=False)
class Tuning:
    """Numbers that make every bound another one, and none unsound.

    Attributes:
        slopes: Of the line through 0 below each ReLU, by its name [rows, objectives, *shape], from 0 to 1.
        multipliers: By the operation before a ReLU [rows, objectives, *shape], not negative.
        signs: Likewise [rows, *shape]: 1 where a limit keeps its result at most 0, -1 where at least 0, 0 elsewhere: a
            multiple of sign * result, which is never positive, may be added to what is bounded from below.
    """

    slopes: dict[str, Tensor]
    multipliers: dict[str, Tensor]
    signs: dict[str, Tensor]

    @property
    def tensors(self) -> list[Tensor]:
        """All that may be changed."""
        return [*self.slopes.values(), *self.multipliers.values()]

    def project(self) -> None:
        """Puts every number back to where it may be."""
        with torch.no_grad():
            for slope in self.slopes.values():
                slope.clamp_(0.0, 1.0)
            for multiplier in self.multipliers.values():
                multiplier.clamp_(min=0.0)


def relu_pull(
    enclosure: Enclosure, operation: Operation, coefficients: Tensor, slopes: Tensor
) -> tuple[list[Tensor], Tensor]:
    """As ``elementwise_pull``, with a slope below for each objective where the sign of h is not known.

    Args:
        enclosure: Intervals of what comes before.
        operation: ReLU of h.
        coefficients: A [rows or 1, objectives, *shape].
        slopes: [rows, objectives, *shape], from 0 to 1.
    """
    lines = lines_of(enclosure, operation)
    (values,) = enclosure.operands(operation)
    open_sign = ((values.lower < 0) & (values.upper > 0)).unsqueeze(1)
    # max(h, 0) >= slope * h for every slope from 0 to 1; what float64 rounds away is a share of |h|.
    share = 3 * roundoff(values.lower[0].numel()) * values.size.unsqueeze(1)
    lower_slope = torch.where(open_sign, slopes, lines.lower_slope.unsqueeze(1))
    lower_intercept = torch.where(open_sign, -share, lines.lower_intercept.unsqueeze(1))
    positive, negative = coefficients.clamp(min=0), coefficients.clamp(max=0)
    pulled = positive * lower_slope + negative * lines.upper_slope.unsqueeze(1)
    terms = positive * lower_intercept + negative * lines.upper_intercept.unsqueeze(1)
    return [pulled], terms.flatten(2).sum(-1)
