"""The level of a disturbance at which a metric falls below a floor, with an interval."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import optimize, stats

from lowland.errors import LowlandError
from lowland.estimate import Estimate, Status

Crossing = Literal["within", "never", "already", "unknown"]
Scale = Literal["auto", "linear", "log"]
DECADES = 100.0  # highest over lowest positive level from which on levels are interpolated by their logarithms


@dataclass(frozen=True, slots=True)
class HalfLife:
    """Where a curve falls below a floor.

    Attributes:
        value: The level. If the floor is never reached: the last level, a bound (the half-life lies beyond). If the
            metric is below at the first level already: that level, a bound too. NaN where the curve has no numbers.
        lower: Milder end of the interval in the order of the numbers; 0 where even less than the first level may do.
        upper: Other end; infinite where the levels do not bound it.
        confidence: Nominal coverage of the interval.
        floor: What the metric must not fall below (or, where lower is better, rise above).
        crossing: ``within`` the levels, ``never``, ``already`` at the first level, or ``unknown``.
        num_samples: Draws or seeds behind every mean.
        standard_error: Of the level, to first order: the metric's standard error there over the curve's slope.
        status: ``ok`` within; ``not_converged`` if the levels end before the floor; ``undefined`` if it is lost at the
            first level or the standard errors are not known; ``non_finite`` for curves with values that are no numbers.
    """

    value: float
    lower: float
    upper: float
    confidence: float
    floor: float
    crossing: Crossing
    num_samples: int
    standard_error: float
    status: Status

    def estimate(self) -> Estimate:
        """The level with its standard error and status, for the long table."""
        return Estimate(self.value, self.standard_error, self.num_samples, self.status)


def halfway(clean: float, chance: float) -> float:
    """The floor in the middle between the clean metric and that of guessing."""
    return 0.5 * (clean + chance)


def half_life(
    levels: Sequence[float],
    means: Sequence[float],
    standard_errors: Sequence[float],
    *,
    floor: float,
    num_samples: int,
    higher_is_better: bool = True,
    correlation: float = 1.0,
    confidence: float = 0.95,
    scale: Scale = "auto",
) -> HalfLife:
    """The level at which a curve first falls below a floor, on a monotone line through its means.

    *Value.* The means are made monotone by isotonic regression (equal weights: standard errors of a few draws are too
    noisy to weigh by) and joined by straight lines, in the logarithm of the level where levels span two decades
    (linearly between 0 and the first positive level).

    *Interval.* The levels that a test does not reject: those x at which the line through the means themselves is within
    q standard errors of the floor, |m(x) − floor| ≤ q·s(x), q the quantile of Student's t with ``num_samples`` − 1
    degrees of freedom; reported from the least to the greatest. The true crossing is rejected as seldom as nominal
    however flat the curve is there (Fieller's argument), where resampling an isotonic fit is inconsistent at flat spots
    and a first-order interval fails on them. Only sampling errors enter: neither the choice of levels nor the bend of
    the curve between two of them.

    Args:
        levels: From the mildest to the worst, at least two, strictly rising (noise) or strictly falling (bits); ≥ 0.
        means: Metric at each level, over draws or seeds.
        standard_errors: Of the means. NaN (one draw only) leaves the interval open.
        floor: Taken as known; ``halfway`` for the middle between clean and chance.
        num_samples: Draws or seeds behind every mean, at least 1.
        higher_is_better: False for a loss or an error rate, which *rise above* ``floor``.
        correlation: Of the errors at neighbouring levels, 0 to 1. Draws common to all levels make it high; 1, the
            default, never understates s(x) between two levels, and 0 suits independent draws at each level.
        confidence: Nominal coverage, between 0 and 1.
        scale: ``linear`` or ``log``; ``auto`` chooses by the span of the levels.

    Raises:
        LowlandError: Unequal lengths, fewer than two levels, levels out of order or negative, a parameter out of range.

    Source:
        Fieller 1954, J. R. Stat. Soc. B 16, 175; isotonic regression: Barlow et al. 1972.
    """
    x, y, errors = _checked(levels, means, standard_errors)
    _check_parameters(floor=floor, num_samples=num_samples, correlation=correlation, confidence=confidence)
    axis = _Axis(x, scale)

    def result(
        value: float, interval: tuple[float, float], crossing: Crossing, error: float, status: Status
    ) -> HalfLife:
        lower, upper = sorted(interval) if not math.isnan(sum(interval)) else interval
        return HalfLife(value, lower, upper, confidence, floor, crossing, num_samples, error, status)

    unknown = (math.nan, math.nan)
    if not np.isfinite(y).all():
        return result(math.nan, unknown, "unknown", math.nan, "non_finite")
    above = (y - floor) if higher_is_better else (floor - y)
    monotone = optimize.isotonic_regression(above, increasing=False).x
    place = _crossing(monotone)
    sure = bool(np.isfinite(errors).all()) and (num_samples > 1 or not errors.any())
    quantile = float(stats.t.ppf(0.5 + confidence / 2, max(num_samples - 1, 1)))
    bounds = _interval(above, quantile * errors, correlation, place, axis) if sure else unknown
    if place <= 0 and monotone[0] < 0:
        return result(float(x[0]), bounds, "already", math.nan, "undefined")
    if place > len(x) - 1:
        return result(float(x[-1]), bounds, "never", math.nan, "not_converged")
    error = _first_order(monotone, errors, correlation, place, axis)
    return result(axis.level(place), bounds, "within", error, "ok" if sure else "undefined")


class _Axis:
    """Levels by place: i + f stands for the share f of the way from level i to the next."""

    def __init__(self, levels: np.ndarray, scale: Scale) -> None:
        if scale not in ("auto", "linear", "log"):
            raise LowlandError(f"scale is {scale!r}; expected auto, linear or log")
        positive = levels[levels > 0]
        self.levels = levels
        self.log = scale == "log" or (scale == "auto" and positive.max() >= DECADES * positive.min())

    def level(self, place: float) -> float:
        """The level at a place from 0 to the last."""
        index = min(int(place), len(self.levels) - 2)
        share, (low, high) = place - index, self.levels[index : index + 2].tolist()
        if self.log and low > 0 and high > 0:
            return float(low * (high / low) ** share)
        return float(low + share * (high - low))

    def slope(self, place: float) -> float:
        """How fast the level changes with the place."""
        index = min(int(place), len(self.levels) - 2)
        low, high = self.levels[index : index + 2].tolist()
        if self.log and low > 0 and high > 0:
            return self.level(place) * math.log(high / low)
        return float(high - low)

    def ends(self) -> tuple[float, float]:
        """The mildest and the worst level that there can be."""
        return (0.0, math.inf) if self.levels[0] < self.levels[-1] else (math.inf, 0.0)


def _crossing(monotone: np.ndarray) -> float:
    """Place at which falling values pass 0: 0 if at once, beyond the last place if never."""
    below = np.flatnonzero(monotone < 0)
    if not below.size:
        return float(len(monotone))
    last = int(below[0]) - 1
    if last < 0:
        return 0.0
    return last + float(monotone[last] / (monotone[last] - monotone[last + 1]))


def _interval(
    above: np.ndarray, margins: np.ndarray, correlation: float, place: float, axis: _Axis
) -> tuple[float, float]:
    """The mildest and the worst level at which the line through the values is within its margin of 0."""
    last = len(above) - 1
    places = [p for i in range(last) for p in _segment(above[i : i + 2], margins[i : i + 2], correlation, float(i))]
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
    for root in np.roots([square, linear, constant]):
        if abs(root.imag) < 1e-9 and 0 <= root.real <= 1:
            yield start + float(root.real)


def _first_order(monotone: np.ndarray, errors: np.ndarray, correlation: float, place: float, axis: _Axis) -> float:
    index = min(int(place), len(monotone) - 2)
    share, (s0, s1) = place - index, errors[index : index + 2].tolist()
    variance = ((1 - share) * s0) ** 2 + (share * s1) ** 2 + 2 * share * (1 - share) * correlation * s0 * s1
    fall = float(monotone[index] - monotone[index + 1])
    return math.sqrt(variance) / fall * abs(axis.slope(place)) if fall > 0 else math.nan


def _checked(*columns: Sequence[float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y, errors = (np.asarray(column, dtype=np.float64) for column in columns)
    if not x.shape == y.shape == errors.shape or x.ndim != 1 or len(x) < 2:
        raise LowlandError(
            f"levels, means and standard_errors have shapes {x.shape}, {y.shape} and {errors.shape}; expected equal "
            "lengths of at least 2"
        )
    steps = np.diff(x)
    if not np.isfinite(x).all() or (x < 0).any() or not ((steps > 0).all() or (steps < 0).all()):
        raise LowlandError(f"levels are {x.tolist()}; expected them at least 0, strictly from the mildest to the worst")
    if (errors < 0).any():
        raise LowlandError(f"standard_errors are {errors.tolist()}; expected none below 0")
    return x, y, errors


def _check_parameters(*, floor: float, num_samples: int, correlation: float, confidence: float) -> None:
    for name, value, fine, expected in (
        ("floor", floor, math.isfinite(floor), "a finite value of the metric"),
        ("num_samples", num_samples, num_samples >= 1, "at least 1"),
        ("correlation", correlation, 0 <= correlation <= 1, "0 to 1"),
        ("confidence", confidence, 0 < confidence < 1, "between 0 and 1"),
    ):
        if not fine:
            raise LowlandError(f"{name} is {value}; expected {expected}")
