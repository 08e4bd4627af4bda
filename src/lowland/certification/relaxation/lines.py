"""Two lines around a curve over an interval, and its range there, for every element at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lowland.certification.relaxation.curves import Curve
from lowland.certification.relaxation.interval import Interval, roundoff

_GRID = 12
"""Parts of an interval whose ends are tried for a slope."""
_HALVINGS = 40
"""Of an interval in search of the place where a slope touches."""


@dataclass(frozen=True, eq=False)
class Lines:
    """slope * x + intercept below and above a curve, [rows, ...] each."""

    lower_slope: Tensor
    lower_intercept: Tensor
    upper_slope: Tensor
    upper_intercept: Tensor

    def __getitem__(self, rows: slice | Tensor) -> Lines:
        return Lines(
            self.lower_slope[rows], self.lower_intercept[rows], self.upper_slope[rows], self.upper_intercept[rows]
        )


def curve_range(curve: Curve, interval: Interval) -> Interval:
    """The lowest and highest values of a curve over an interval, widened by what float64 rounds away."""
    places = [interval.lower, interval.upper]
    places += [interval.upper.clamp(max=place).maximum(interval.lower) for place in (*curve.knots, *curve.turning)]
    values = torch.stack([curve.function(place) for place in places])
    found = Interval(values.amin(0), values.amax(0))
    return found.widened(curve.slack + roundoff(0) * (found.size + interval.size))


def lines_around(curve: Curve, interval: Interval, terms: int) -> Lines:
    """The lines that leave the smallest area between them.

    The area under a line above a curve is smallest where the line touches the concave envelope in the middle of the
    interval; the line below likewise. Slopes are chosen so on a grid; every slope gets an intercept that is proved:
    the least of f(x) - slope * x over each part of the curve, at its ends where it is concave, by a tangent where it is
    convex (any tangent of a convex part lies below it, so the search for the best one may stop anywhere).

    Args:
        curve: Whose parts are known.
        interval: Of its argument [rows, ...].
        terms: How many elements are summed afterwards: intercepts are lowered and raised by what float64 rounds away
            there.
    """
    lower_slope, lower = _lower_line(curve, interval)
    upper_slope, upper = _lower_line(curve.negative, interval)
    size, values = interval.size, curve_range(curve, interval).size
    share = roundoff(terms)

    def slack(slope: Tensor, intercept: Tensor) -> Tensor:
        return curve.slack + share * ((slope.abs() + 1) * size + intercept.abs() + values)

    return Lines(lower_slope, lower - slack(lower_slope, lower), -upper_slope, -upper + slack(upper_slope, upper))


def _lower_line(curve: Curve, interval: Interval) -> tuple[Tensor, Tensor]:
    slope = _slope_below(curve, interval)
    return slope, _least(curve, interval, slope)


def _slope_below(curve: Curve, interval: Interval) -> Tensor:
    """The slope of the convex envelope in the middle of the interval: that of a chord of points, or of the tangent."""
    low, high = interval.lower, interval.upper
    middle = low / 2 + high / 2
    places = [low, high, *(high.clamp(max=knot).maximum(low) for knot in curve.knots)]
    if any(bend != "linear" for bend in curve.bends):
        places += [low + (high - low) * (part / _GRID) for part in range(1, _GRID)]
    ends = torch.stack(places)
    values = curve.function(ends)
    height, chord = torch.full_like(low, torch.inf), curve.derivative(middle)
    near = 1e-7 * interval.size  # chords of closer points are noise
    for left, at_left in zip(ends, values, strict=True):
        run = ends - left
        usable = (run > near) & (left <= middle) & (middle <= ends)
        chords = torch.where(usable, (values - at_left) / torch.where(usable, run, 1.0), 0.0)
        reached, which = torch.where(usable, at_left + chords * (middle - left), torch.inf).min(0)
        better = reached < height
        height = torch.where(better, reached, height)
        chord = torch.where(better, chords.gather(0, which.unsqueeze(0)).squeeze(0), chord)
    tangent = curve.derivative(middle)
    at_tangent = (values - tangent * (ends - middle)).amin(0)
    return torch.where(at_tangent >= (values - chord * (ends - middle)).amin(0), tangent, chord)


def _least(curve: Curve, interval: Interval, slope: Tensor) -> Tensor:
    """No more than the least of f(x) - slope * x over the interval."""
    low, high = interval.lower, interval.upper
    least = torch.full_like(low, torch.inf)
    edges = (-torch.inf, *curve.knots, torch.inf)
    for before, after, bend in zip(edges, edges[1:], curve.bends, strict=False):
        start, end = low.clamp(min=before).minimum(high), high.clamp(max=after).maximum(low)
        if bend == "convex":
            touch = _touching(curve, start, end, slope)
            at_touch, tangent = curve.function(touch), curve.derivative(touch)
            found = [at_touch + tangent * (place - touch) - slope * place for place in (start, end)]
        else:
            found = [curve.function(place) - slope * place for place in (start, end)]
        least = least.minimum(found[0]).minimum(found[1])
    return least


def _touching(curve: Curve, start: Tensor, end: Tensor, slope: Tensor) -> Tensor:
    """Where a convex part has this slope, or the end nearest to it."""
    start, end = start.clone(), end.clone()
    for _ in range(_HALVINGS):
        middle = start / 2 + end / 2
        flatter = curve.derivative(middle) < slope
        start, end = torch.where(flatter, middle, start), torch.where(flatter, end, middle)
    return start / 2 + end / 2
