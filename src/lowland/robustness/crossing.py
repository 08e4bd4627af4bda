"""Where a line through uncertain values passes zero, in places along an axis of levels."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from lowland.robustness.level_axis import LevelAxis


def crossing(monotone: np.ndarray) -> float:
    """Place at which falling values pass 0: 0 if at once, beyond the last place if never.

    Args:
        monotone: [levels], none above the one before.
    """
    below = np.flatnonzero(monotone < 0)
    if not below.size:
        return float(len(monotone))
    last = int(below[0]) - 1
    if last < 0:
        return 0.0
    return last + float(monotone[last] / (monotone[last] - monotone[last + 1]))


def crossing_interval(
    above: np.ndarray, margins: np.ndarray, between: np.ndarray, place: float, axis: LevelAxis
) -> tuple[float, float]:
    """The mildest and the worst level at which the line through the values is within its margin of 0.

    Args:
        above: Values [levels], positive on the safe side of the floor.
        margins: Standard errors [levels] times a quantile.
        between: Correlations [levels − 1] of the errors of neighbours.
        place: Where the curve is taken to cross; always inside.
        axis: The levels.

    Returns:
        Two levels; the ends of the axis where the values do not bound the crossing on that side.
    """
    last = len(above) - 1
    places = [p for i in range(last) for p in _segment(above[i : i + 2], margins[i : i + 2], between[i], float(i))]
    places.append(min(place, float(last)))
    mildest, worst = axis.ends()
    # An end of the levels that is not clearly on the safe (or the lost) side of the floor bounds nothing.
    open_below = place <= 0 or above[0] <= margins[0]
    open_above = place > last or above[-1] >= -margins[-1]
    return (
        mildest if open_below else axis.level(min(places)),
        worst if open_above else axis.level(max(places)),
    )


def _segment(above: np.ndarray, margins: np.ndarray, correlation: float, start: float) -> Iterator[float]:
    """Ends of the parts of one segment where the squared line does not exceed the squared margin."""
    (y0, y1), (s0, s1) = above.tolist(), margins.tolist()
    cross = correlation * s0 * s1
    # ((1−f)y0 + f·y1)² − ((1−f)²s0² + f²s1² + 2f(1−f)·cross) as a polynomial in f
    constant = y0 * y0 - s0 * s0
    linear = 2 * (y0 * (y1 - y0) + s0 * s0 - cross)
    square = (y1 - y0) ** 2 - (s0 * s0 + s1 * s1 - 2 * cross)
    if constant <= 0:
        yield start
    if constant + linear + square <= 0:
        yield start + 1
    yield from (start + root for root in _roots(square, linear, constant) if 0 <= root <= 1)


def _roots(square: float, linear: float, constant: float) -> Iterator[float]:
    discriminant = linear * linear - 4 * square * constant
    if discriminant < 0:
        return
    half = -0.5 * (linear + math.copysign(math.sqrt(discriminant), linear))  # no difference of like numbers
    if square:
        yield half / square
    if half:
        yield constant / half


def crossing_error(
    monotone: np.ndarray, errors: np.ndarray, between: np.ndarray, place: float, axis: LevelAxis
) -> float:
    """Standard error of the crossing's level, to first order; NaN where the curve is flat.

    Args:
        monotone: [levels], none above the one before.
        errors: Standard errors [levels].
        between: Correlations [levels − 1] of the errors of neighbours.
        place: Of the crossing.
        axis: The levels.
    """
    index = min(int(place), len(monotone) - 2)
    share, (s0, s1) = place - index, errors[index : index + 2].tolist()
    variance = ((1 - share) * s0) ** 2 + (share * s1) ** 2 + 2 * share * (1 - share) * float(between[index]) * s0 * s1
    fall = float(monotone[index] - monotone[index + 1])
    return float(np.sqrt(np.maximum(variance, 0.0))) / fall * abs(axis.slope(place)) if fall > 0 else math.nan
