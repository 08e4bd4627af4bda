"""How far a deployed step is from the float operation that it stands for, by the differences before it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import sparse

from lowland.certification.rounding.integer_graph import Rounded, Sum
from lowland.certification.rounding.linear_parts import Vector
from lowland.certification.rounding.symbolic import Box, Line

_SLACK = 1e-9


def sum_difference(
    node: Sum, operation: Line, names: Mapping[str, tuple[str, str]], scales: Mapping[str, Vector], own: Vector
) -> Line:
    """The difference of sums: with v = (h + d) / s of every operand it is linear in its d and in its float h.

    Args:
        node: The deployed sum.
        operation: The float one, as a line of its operands.
        names: Of each operand's float result and of its difference, by step.
        scales: Step sizes of the operands' integers, by step.
        own: That of the sum's integers.
    """
    line = Line({}, own * node.offset)
    for source, matrix in node.parts.items():
        left = sparse.diags_array(own, format="csr")
        real = (left @ matrix @ sparse.diags_array(1 / scales[source], format="csr")).tocsr()
        given, difference = names[source]
        line = line.plus(difference, real).plus(given, real)
    for given, matrix in operation.parts.items():
        line = line.plus(given, -matrix)
    return Line(line.parts, line.offset - operation.offset)


def rounded_difference(
    node: Rounded, before: str, boxes: tuple[Box, Box, Box], scales: tuple[Vector, Vector], *, rectified: bool
) -> tuple[Line, Line]:
    """The difference behind a rounding: that before it, through a ReLU if there is one, by clamps and half a step.

    max(z + d, 0) - max(z, 0) lies between 0 and d; where both signs of d are possible, between chords of min(d, 0) and
    max(d, 0).

    Args:
        node: The rounding.
        before: What the difference before it is called.
        boxes: Of the integers that are rounded, of the float values that they stand for, and of their difference.
        scales: Step sizes of the integers and of the codes.
        rectified: Whether the float network has a ReLU there.

    Returns:
        A line below and one above.
    """
    integers, real, difference = boxes
    given, own = scales
    low, high = integers.lower * given, integers.upper * given
    stairs = node.staircase
    off = np.abs(own * stairs.ratio - given) * np.maximum(np.abs(integers.lower), np.abs(integers.upper))
    error = own / 2 + off + _SLACK * np.maximum(np.abs(low), np.abs(high))
    cut = np.maximum(high - own * stairs.highest, 0.0)
    if rectified:
        lower_slope, lower_offset, upper_slope, upper_offset = _rectified(Box(low, high), real, difference)
        dead = high <= 0  # codes are 0, and exactly so
        lower_offset = lower_offset - np.where(dead, 0.0, cut + error)
        upper_offset = upper_offset + np.where(dead, 0.0, error)
    else:
        lower_slope = upper_slope = np.ones_like(low)
        lower_offset, upper_offset = -cut - error, np.maximum(own * stairs.lowest - low, 0.0) + error
    return Line.diagonal(before, lower_slope, lower_offset), Line.diagonal(before, upper_slope, upper_offset)


def _rectified(deployed: Box, real: Box, difference: Box) -> tuple[Vector, Vector, Vector, Vector]:
    """Lines of max(z + d, 0) - max(z, 0) in d: slopes and offsets, below and above."""
    least, most = difference
    width = np.where(most > least, most - least, 1.0)
    mixed = (least < 0) & (most > 0)
    upper_slope = np.where(mixed, most / width, (least >= 0) * 1.0)
    upper_offset = np.where(mixed, -most * least / width, 0.0)
    lower_slope = np.where(mixed, -least / width, (most <= 0) * 1.0)
    lower_offset = np.where(mixed, least * most / width, 0.0)
    # Where one of both is known to be open or closed, more is known.
    below_is_d = (real.lower >= 0) & (least <= 0)  # max(z + d, 0) >= z + d
    above_is_d = (deployed.lower >= 0) & (most >= 0)
    below_is_0, above_is_0 = (real.upper <= 0), (deployed.upper <= 0)
    for chosen, slope in ((below_is_d, 1.0), (below_is_0, 0.0)):
        lower_slope, lower_offset = np.where(chosen, slope, lower_slope), np.where(chosen, 0.0, lower_offset)
    for chosen, slope in ((above_is_d, 1.0), (above_is_0, 0.0)):
        upper_slope, upper_offset = np.where(chosen, slope, upper_slope), np.where(chosen, 0.0, upper_offset)
    return lower_slope, lower_offset, upper_slope, upper_offset
