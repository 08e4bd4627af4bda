"""The level of a disturbance at which a metric falls below a floor, with an interval."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from lowland.errors import LowlandError
from lowland.estimate import Estimate, Status
from lowland.robustness.crossing import crossing, crossing_error, crossing_interval
from lowland.robustness.level_axis import LevelAxis, Scale
from lowland.robustness.response_curve import ResponseCurve
from lowland.selection import Axes, Misfit, or_word

Crossing = Literal["within", "never", "already", "unknown"]


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


class HalfLifeOptions(BaseModel):
    """What counts as lost.

    Attributes:
        floor: The score that must be left (of a share above 0 and below 1), or ``halfway`` between each cell's clean
            score and guessing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    floor: Annotated[Annotated[float, Field(allow_inf_nan=False, strict=True)] | Literal["halfway"], or_word("halfway")]

    def of(self, clean: float, chance: float) -> float:
        """The floor of a cell with this clean score."""
        return halfway(clean, chance) if self.floor == "halfway" else self.floor

    def misfits(self, axes: Axes) -> Iterator[Misfit]:
        """A floor in numbers that no score of the tasks can have, or that is of several scores at once."""
        if self.floor == "halfway":
            return
        kinds = {task.score: task for task in axes.tasks.values()}
        if len(kinds) > 1:
            several = f"the tasks have scores of several kinds ({', '.join(kinds)})"
            yield "floor", f"is {self.floor}; expected halfway: {several}"
            return
        # Who always names the most frequent class is right at least as often as among the fewest classes.
        task = min(axes.tasks.values(), key=lambda each: each.outputs)
        if not task.is_share:
            if self.floor <= 0:
                least = f"more than 0 {task.unit}".rstrip()
                yield "floor", f"is {self.floor:g}; expected halfway, or {least}, which is perfect"
        elif not 1 / task.outputs <= self.floor < 1:
            percent = f"; {self.floor:g} % is {self.floor / 100:g}" if 1 < self.floor < 100 else ""
            yield (
                "floor",
                f"is {self.floor:g}; expected halfway, or {1 / task.outputs:.3g} (a guess among {task.outputs} "
                f"classes) to less than 1 (perfect){percent}",
            )


def halfway(clean: float, chance: float) -> float:
    """The floor in the middle between the clean metric and that of guessing."""
    return 0.5 * (clean + chance)


def half_life(
    curve: ResponseCurve,
    *,
    floor: float,
    higher_is_better: bool = True,
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
        curve: Mean of a metric over draws or seeds by level.
        floor: Taken as known; ``halfway`` for the middle between clean and chance.
        higher_is_better: False for a loss or an error rate, which *rise above* ``floor``.
        confidence: Nominal coverage, between 0 and 1.
        scale: ``linear`` or ``log``; ``auto`` chooses by the span of the levels.

    Raises:
        LowlandError: A parameter out of range.

    Source:
        Fieller 1954, J. R. Stat. Soc. B 16, 175; isotonic regression: Barlow et al. 1972.
    """
    from scipy import optimize, special  # takes half a second: only where one is computed

    x, y, errors, between = curve.levels, curve.means, curve.standard_errors, curve.correlations
    num_samples = curve.num_samples
    _check_parameters(floor=floor, confidence=confidence)
    axis = LevelAxis(x, scale)

    def result(value: float, interval: tuple[float, float], where: Crossing, error: float, status: Status) -> HalfLife:
        lower, upper = sorted(interval) if not math.isnan(sum(interval)) else interval
        return HalfLife(value, lower, upper, confidence, floor, where, num_samples, error, status)

    unknown = (math.nan, math.nan)
    if not np.isfinite(y).all():
        return result(math.nan, unknown, "unknown", math.nan, "non_finite")
    above = (y - floor) if higher_is_better else (floor - y)
    monotone = optimize.isotonic_regression(above, increasing=False).x
    place = crossing(monotone)
    sure = bool(np.isfinite(errors).all()) and (num_samples > 1 or not errors.any())
    quantile = float(special.stdtrit(max(num_samples - 1, 1), 0.5 + confidence / 2))
    bounds = crossing_interval(above, quantile * errors, between, place, axis) if sure else unknown
    if place <= 0 and monotone[0] < 0:
        return result(float(x[0]), bounds, "already", math.nan, "undefined")
    if place > len(x) - 1:
        return result(float(x[-1]), bounds, "never", math.nan, "not_converged")
    error = crossing_error(monotone, errors, between, place, axis)
    return result(axis.level(place), bounds, "within", error, "ok" if sure else "undefined")


def half_life_of_draws(
    levels: Sequence[float],
    draws: Sequence[Sequence[float]] | np.ndarray,
    *,
    floor: float,
    higher_is_better: bool = True,
    confidence: float = 0.95,
    scale: Scale = "auto",
) -> HalfLife:
    """``half_life`` of curves drawn with common random numbers, their correlation over the levels taken as it is.

    s(x) is then the standard error of the draws' own lines at x, so that normal draws give exact t-intervals however
    they are correlated.

    Args:
        levels: As in ``ResponseCurve``.
        draws: Metric of every draw or seed at every level [draws][levels], independent from draw to draw.
        floor: As in ``half_life``.
        higher_is_better: As in ``half_life``.
        confidence: As in ``half_life``.
        scale: As in ``half_life``.

    Raises:
        LowlandError: As in ``half_life`` and ``ResponseCurve``; draws that do not have one value a level.
    """
    return half_life(
        ResponseCurve.of_draws(levels, draws),
        floor=floor,
        higher_is_better=higher_is_better,
        confidence=confidence,
        scale=scale,
    )


def half_life_of_scores(
    levels: Sequence[float],
    scores: Sequence[Sequence[torch.Tensor]],
    *,
    floor: float,
    higher_is_better: bool = True,
    scale: Scale = "auto",
) -> HalfLife:
    """``half_life_of_draws`` from the scores of all samples [levels][draws][samples].

    The draws are what is averaged over. A disturbance with a single draw is the same every time: then the samples are.

    Args:
        levels: As in ``ResponseCurve``.
        scores: Of the same samples at every level and in every draw.
        floor: As in ``half_life``.
        higher_is_better: As in ``half_life``.
        scale: As in ``half_life``.
    """
    if all(len(draws) == 1 for draws in scores):
        sample = torch.stack([draws[0].double() for draws in scores], 1)
    else:
        sample = torch.stack([torch.stack([samples.double().mean() for samples in draws]) for draws in scores], 1)
    return half_life_of_draws(levels, sample.numpy(), floor=floor, higher_is_better=higher_is_better, scale=scale)


def _check_parameters(*, floor: float, confidence: float) -> None:
    for name, value, fine, expected in (
        ("floor", floor, math.isfinite(floor), "a finite value of the metric"),
        ("confidence", confidence, 0 < confidence < 1, "between 0 and 1"),
    ):
        if not fine:
            raise LowlandError(f"{name} is {value}; expected {expected}")
