"""Noise on the inputs, in units of what the training data look like."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Literal, NamedTuple, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from lowland.errors import LowlandError
from lowland.randomness import Key, generator
from lowland.selection import refuse_repeats
from lowland.vocabulary.planned import Planned

NoiseKind = Literal["gaussian", "uniform", "salt_and_pepper"]


class InputNoiseOptions(BaseModel):
    """Which noises at which levels, and how many draws of each.

    Attributes:
        kinds: Keys of ``INPUT_NOISES``.
        levels: Per cent; what a per cent means is each noise's own.
        draws: Independent draws whose mean and standard error are reported.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: Annotated[tuple[NoiseKind, ...], Field(min_length=1)]
    levels: Annotated[tuple[Annotated[float, Field(gt=0, le=100)], ...], Field(min_length=1)]
    draws: Annotated[int, Field(ge=2)]

    @model_validator(mode="after")
    def _names_nothing_twice(self) -> Self:
        refuse_repeats(kinds=self.kinds, levels=self.levels)
        return self

    def planned(self) -> Iterator[Planned]:
        """Every noise at every level."""
        for kind in self.kinds:
            yield Planned(family="noise", condition=kind, levels=self.levels)


class FeatureRanges(NamedTuple):
    """Training statistics of every feature [features ...], in the units of the inputs that are disturbed.

    Attributes:
        deviation: Standard deviation, or what stands for it.
        minimum: Of the training samples.
        maximum: Of the training samples.
        mean: Of the training samples.
        limits: What no reading can be below or above.
        extremes: Lowest and highest that a broken sensor shows; None: minimum and maximum.
    """

    deviation: Tensor
    minimum: Tensor
    maximum: Tensor
    mean: Tensor
    limits: tuple[float, float] = (-math.inf, math.inf)
    extremes: tuple[float, float] | None = None

    @classmethod
    def of(
        cls,
        inputs: Tensor,
        *,
        sensor_dims: Sequence[int] | None = None,
        unit: float | None = None,
        extremes: tuple[float, float] | None = None,
        limits: tuple[float, float] = (-math.inf, math.inf),
    ) -> FeatureRanges:
        """Population standard deviation, minimum, maximum and mean over training inputs [n, features ...].

        Args:
            inputs: [n, features ...].
            sensor_dims: Dimensions that distinguish features, not 0 (the samples); the others are pooled, such as the
                times of a series or the pixels of a channel. None: every entry of a sample is a feature of its own.
            unit: Stands for every standard deviation, in the inputs' units: what 100 % of noise are.
            extremes: What broken sensors show; None: minimum and maximum.
            limits: What no reading can be below or above: noise is cut off there.
        """
        if sensor_dims is None:
            pooled: tuple[int, ...] = (0,)
        else:
            pooled = tuple(dim for dim in range(inputs.ndim) if dim not in sensor_dims)
        statistics = (
            inputs.std(dim=pooled, correction=0, keepdim=True),
            inputs.amin(dim=pooled, keepdim=True),
            inputs.amax(dim=pooled, keepdim=True),
            inputs.mean(dim=pooled, keepdim=True),
        )
        deviation, minimum, maximum, mean = (statistic.squeeze(0) for statistic in statistics)
        if unit is not None:
            deviation = torch.full_like(deviation, unit)
        return cls(deviation, minimum, maximum, mean, limits, extremes)

    @property
    def lowest(self) -> Tensor:
        """What a broken sensor shows at one end."""
        return self.minimum if self.extremes is None else torch.full_like(self.minimum, self.extremes[0])

    @property
    def highest(self) -> Tensor:
        """What a broken sensor shows at the other end."""
        return self.maximum if self.extremes is None else torch.full_like(self.maximum, self.extremes[1])

    def to(self, device: torch.device) -> FeatureRanges:
        """The same statistics on another device."""
        deviation, minimum, maximum, mean = (
            statistic.to(device) for statistic in (self.deviation, self.minimum, self.maximum, self.mean)
        )
        return FeatureRanges(deviation, minimum, maximum, mean, self.limits, self.extremes)

    def readable(self, values: Tensor) -> Tensor:
        """The values as a sensor with these limits delivers them."""
        return values if self.limits == (-math.inf, math.inf) else values.clamp(*self.limits)


class Disturbance(NamedTuple):
    """Random numbers of one draw, shared by every level and every cell of a task."""

    normal: Tensor
    uniform: Tensor
    high: Tensor

    def to(self, device: torch.device) -> Disturbance:
        """The same numbers on another device."""
        return Disturbance(*(tensor.to(device) for tensor in self))


def draw(shape: torch.Size, *, key: tuple[Key, ...]) -> Disturbance:
    """The random numbers behind one draw of input noise; equal keys give equal noise."""
    source = generator(*key)
    return Disturbance(
        torch.randn(shape, generator=source),
        torch.rand(shape, generator=source),
        torch.rand(shape, generator=source) < 0.5,
    )


def gaussian(inputs: Tensor, ranges: FeatureRanges, disturbance: Disturbance, *, level: float) -> Tensor:
    """Adds N(0, σ²) with σ = level/100 times the training standard deviation of each feature.

    Args:
        inputs: [n, features].
        ranges: Of the training set.
        disturbance: Of the same shape as the inputs.
        level: Per cent, at least 0.
    """
    return ranges.readable(inputs + (_share(level) * ranges.deviation) * disturbance.normal)


def uniform(inputs: Tensor, ranges: FeatureRanges, disturbance: Disturbance, *, level: float) -> Tensor:
    """Adds noise spread evenly over ±√3·σ, σ = level/100 times the training standard deviation of each feature.

    Its standard deviation is σ: at equal level it is as strong as the Gaussian, without the tails.

    Args:
        inputs: [n, features].
        ranges: Of the training set.
        disturbance: Of the same shape as the inputs.
        level: Per cent, at least 0.
    """
    return ranges.readable(inputs + (_share(level) * ranges.deviation) * (math.sqrt(3) * (2 * disturbance.uniform - 1)))


def salt_and_pepper(inputs: Tensor, ranges: FeatureRanges, disturbance: Disturbance, *, level: float) -> Tensor:
    """Sets level/2 per cent of the entries to the highest that a broken sensor shows and as many to the lowest.

    Those are the training maximum and minimum of the feature, or the sensors' own ``extremes``.

    Entries hit at one level are hit at every higher one.

    Args:
        inputs: [n, features].
        ranges: Of the training set.
        disturbance: Of the same shape as the inputs.
        level: Per cent of all entries, 0 to 100.
    """
    if level > 100:
        raise LowlandError(f"salt_and_pepper level is {level}; expected per cent of entries, 0 to 100")
    extreme = torch.where(disturbance.high, ranges.highest, ranges.lowest)
    return torch.where(disturbance.uniform < _share(level), extreme, inputs)


def _share(level: float) -> float:
    if not level >= 0:
        raise LowlandError(f"noise level is {level}; expected per cent, at least 0")
    return level / 100


INPUT_NOISES: dict[str, Callable[..., Tensor]] = {
    "gaussian": gaussian,
    "uniform": uniform,
    "salt_and_pepper": salt_and_pepper,
}
