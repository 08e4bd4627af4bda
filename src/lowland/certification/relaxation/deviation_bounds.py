"""The largest deviation of a confidence, proved from above by bounds of the margins."""

from __future__ import annotations

import torch
from torch import Tensor

from lowland.certification.bounds import Bounds
from lowland.certification.confidence import (
    CONFIDENCE_ERROR,
    assigned_classes,
    confidence_of_margins,
    contrasts,
    num_outputs,
)
from lowland.certification.disturbances import without_roundings
from lowland.certification.options import MethodOptions
from lowland.certification.query import Query
from lowland.certification.relaxation.linear_bounds import Method, enclose, smallest
from lowland.certification.weight_box import WeightBox


def by_relaxation(query: Query, options: MethodOptions) -> Bounds:
    """The largest deviation by linear bounds of every operation (full backward).

    Args:
        query: The question; of several rows the largest. Rows may be boxes of inputs.
        options: Not needed: the bounds take the time they take.

    Returns:
        ``relaxed``: nothing is known from below but that it is not negative.
    """
    return _bounds(query, "crown")


def by_intervals(query: Query, options: MethodOptions) -> Bounds:
    """The same by interval arithmetic alone.

    Args:
        query: The question.
        options: Not needed.
    """
    return _bounds(query, "interval")


def margin_ranges(query: Query, assigned: Tensor, method: Method) -> tuple[Tensor, Tensor]:
    """Between what ends the margins of a class over each other one stay, for every row.

    Args:
        query: The question.
        assigned: A class for each row [rows].
        method: See ``enclose``.

    Returns:
        The least and the greatest margins [rows, others].
    """
    objectives = margin_objectives(query, assigned)
    enclosure = enclose(query, method)
    if method != "interval":
        return smallest(enclosure, objectives), -smallest(enclosure, -objectives)
    outputs = enclosure.intervals[query.network.output.name]
    positive, negative = objectives.clamp(min=0), objectives.clamp(max=0)
    lower, upper = outputs.lower.unsqueeze(1), outputs.upper.unsqueeze(1)
    # Coefficients are 1 and -1: a sum of two numbers, rounded once.
    least = (positive * lower).sum(-1) + (negative * upper).sum(-1)
    greatest = (positive * upper).sum(-1) + (negative * lower).sum(-1)
    infinity = torch.full_like(least, torch.inf)
    return torch.nextafter(least, -infinity), torch.nextafter(greatest, infinity)


def margin_objectives(query: Query, assigned: Tensor) -> Tensor:
    """The margins of each row's class as coefficients of the outputs [rows, others, outputs].

    Args:
        query: The question.
        assigned: A class for each row [rows].
    """
    outputs = num_outputs(query.network)
    of_class = torch.stack([contrasts(outputs, each) for each in range(max(outputs, 2))])
    return of_class[assigned]


def _bounds(query: Query, method: Method) -> Bounds:
    real = without_roundings(query.network)
    if query.inputs.is_fixed:
        outputs = real(query.inputs.lower)
        classes = assigned_classes(outputs)
        margins = (margin_objectives(query, classes) * outputs.unsqueeze(1)).sum(-1)
        largest = _largest(query, classes, (margins, margins), method)
    else:  # of two classes both confidences move alike; of more, any may be the assigned one somewhere in the box
        still = Query(real, WeightBox({}), query.inputs)
        outputs_count = num_outputs(real)
        largest = 0.0
        for each in range(outputs_count if outputs_count > 2 else 1):
            classes = torch.full((len(query),), each)
            largest = max(largest, _largest(query, classes, margin_ranges(still, classes, method), method))
    return Bounds(0.0, min(1.0, largest), "relaxed")


def _largest(query: Query, classes: Tensor, undisturbed: tuple[Tensor, Tensor], method: Method) -> float:
    """Over all rows, with the undisturbed margins between two ends."""
    lowest, highest = undisturbed
    least, greatest = margin_ranges(query, classes, method)
    rise = confidence_of_margins(greatest) - confidence_of_margins(lowest)
    fall = confidence_of_margins(highest) - confidence_of_margins(least)
    return float(torch.maximum(rise, fall).amax()) + CONFIDENCE_ERROR
