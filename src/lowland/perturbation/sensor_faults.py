"""What ageing, broken or saturated sensors do to the inputs, alike in all samples of a draw."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple, Self, get_args

import torch
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from torch import Tensor

from lowland.errors import LowlandError
from lowland.perturbation.input_noise import FeatureRanges
from lowland.randomness import Key, generator
from lowland.selection import NOTHING
from lowland.vocabulary.planned import Planned

FaultKind = Literal["dead_at_mean", "dead_at_zero", "gain_drift", "offset_drift", "saturation", "requantization"]
Levels = Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)]
StuckAt = Literal["mean", "zero", "minimum", "maximum"]
MAX_ADC_BITS = 24


def _measured(levels: Any) -> Any:
    """Without the faults that are switched off, in their own order: an environment may add one to those of another."""
    if levels in NOTHING or levels == []:
        return {}
    if not isinstance(levels, dict):
        return levels
    place = {kind: number for number, kind in enumerate(get_args(FaultKind))}
    asked = {kind: each for kind, each in levels.items() if not (each in NOTHING or each == [])}
    return dict(sorted(asked.items(), key=lambda item: place.get(item[0], len(place))))


class SensorFaultOptions(BaseModel):
    """Which sensor faults at which levels, and how many draws of each.

    Attributes:
        levels: Of each key of ``SENSOR_FAULTS`` that is to be measured: per cent, for ``requantization`` bits. ``none``
            switches a fault off, or all of them, also in place of all these options.
        draws: Independent draws; what chance has no part in, such as saturation, is done once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    levels: Annotated[dict[FaultKind, Levels], BeforeValidator(_measured)]
    draws: Annotated[int, Field(ge=2)]

    @model_validator(mode="before")
    @classmethod
    def _none_is_no_fault(cls, value: Any) -> Any:
        return {"levels": {}, "draws": 2} if value in NOTHING else value

    @model_validator(mode="after")
    def _levels_are_possible(self) -> Self:
        for kind, levels in self.levels.items():
            if len(set(levels)) < len(levels):
                raise ValueError(f"levels of {kind} name an entry twice: {list(levels)}")
            for level in levels:
                _check_level(kind, level)
        return self

    def planned(self) -> Iterator[Planned]:
        """Every fault at its levels."""
        for kind, levels in self.levels.items():
            yield Planned(family="sensor_fault", condition=kind, levels=tuple(levels))


class SensorDraw(NamedTuple):
    """Random numbers of one draw, one a sensor and none a sample, in a shape [1, ...] that broadcasts over the inputs.

    They are shared by every level and every cell of a task.
    """

    uniform: Tensor
    normal: Tensor

    def to(self, device: torch.device) -> SensorDraw:
        """The same numbers on another device."""
        return SensorDraw(*(tensor.to(device) for tensor in self))


def draw_sensors(shape: torch.Size, *, key: tuple[Key, ...], sensor_dims: Sequence[int] = (1,)) -> SensorDraw:
    """The random numbers behind one draw of sensor faults; equal keys give equal faults for any number of samples.

    Args:
        shape: Of the inputs [n, ...].
        key: Names the disturbance.
        sensor_dims: Dimensions of the inputs that distinguish sensors, not 0 (the samples): (1,) for tables and for
            [n, channels, time], (2,) for [n, time, channels], (1, 2, 3) where every pixel is a sensor of its own.

    Raises:
        LowlandError: ``sensor_dims`` names no dimension, the samples, or one that the inputs lack.
    """
    if not sensor_dims or not all(1 <= dim < len(shape) for dim in sensor_dims):
        raise LowlandError(
            f"sensor_dims is {tuple(sensor_dims)} for inputs of shape {list(shape)}; expected dimensions from 1 (0 are "
            f"the samples) to {len(shape) - 1}"
        )
    source = generator(*key)
    sensors = [size if dim in sensor_dims else 1 for dim, size in enumerate(shape)]
    return SensorDraw(torch.rand(sensors, generator=source), torch.randn(sensors, generator=source))


def dead_channels(
    inputs: Tensor, ranges: FeatureRanges, sensors: SensorDraw, *, level: float, stuck_at: StuckAt = "mean"
) -> Tensor:
    """Sticks a share of all sensors at a constant.

    The number of dead sensors is rounded to the nearest, halves up, and is at least 1 at any level above 0. Sensors
    dead at one level are dead at every higher one.

    Args:
        inputs: [n, ...].
        ranges: Of the training set.
        sensors: Of the inputs' shape.
        level: Per cent of all sensors, 0 to 100.
        stuck_at: Training mean of the feature, the lowest or highest that a broken sensor shows (the rails), or 0 in
            the inputs' units, which is the mean of standardised inputs.
    """
    _check_level("dead_channels", level)
    constant = {"mean": ranges.mean, "zero": torch.zeros(()), "minimum": ranges.lowest, "maximum": ranges.highest}
    if stuck_at not in constant:
        raise LowlandError(f"stuck_at is {stuck_at!r}; expected one of {', '.join(constant)}")
    priorities = sensors.uniform.flatten()
    count = max(math.floor(level / 100 * len(priorities) + 0.5), int(level > 0))
    dead = torch.zeros(len(priorities), dtype=torch.bool, device=priorities.device)
    dead[priorities.argsort(stable=True)[:count]] = True
    return torch.where(dead.reshape(sensors.uniform.shape), constant[stuck_at].to(inputs), inputs)


def gain_drift(
    inputs: Tensor, ranges: FeatureRanges, sensors: SensorDraw, *, level: float, zero: Tensor | float = 0.0
) -> Tensor:
    """Multiplies every sensor by a factor of its own, max(0, 1 + N(0, (level/100)²)).

    Args:
        inputs: [n, ...].
        ranges: Of the training set; only its limits matter.
        sensors: Of the inputs' shape.
        level: Standard deviation of the factors in per cent, at least 0.
        zero: The input [features ...] at which the sensor measures nothing: −mean/deviation for standardised inputs,
            0 where inputs are the sensor's own readings.
    """
    _check_level("gain_drift", level)
    gain = (1 + level / 100 * sensors.normal).clamp(min=0).to(inputs)
    return ranges.readable(inputs + (gain - 1) * (inputs - zero))


def offset_drift(inputs: Tensor, ranges: FeatureRanges, sensors: SensorDraw, *, level: float) -> Tensor:
    """Shifts every sensor by N(0, σ²) of its own with σ = level/100 times the feature's training standard deviation.

    Args:
        inputs: [n, ...].
        ranges: Of the training set.
        sensors: Of the inputs' shape.
        level: Per cent, at least 0.
    """
    _check_level("offset_drift", level)
    return ranges.readable(inputs + level / 100 * (ranges.deviation * sensors.normal).to(inputs))


def saturation(inputs: Tensor, ranges: FeatureRanges, sensors: SensorDraw | None = None, *, level: float) -> Tensor:
    """Clips every feature to its training range, shrunken about its middle.

    Args:
        inputs: [n, ...].
        ranges: Of the training set.
        sensors: Not needed; here so that all faults are called alike.
        level: Per cent of the range that is lost, half at each end, 0 to 100. Level 0 clips what the training set never
            reached; 100 leaves the middle of the range.
    """
    _check_level("saturation", level)
    lost = level / 200 * (ranges.maximum - ranges.minimum)
    return inputs.maximum((ranges.minimum + lost).to(inputs)).minimum((ranges.maximum - lost).to(inputs))


def requantization(inputs: Tensor, ranges: FeatureRanges, sensors: SensorDraw | None = None, *, level: float) -> Tensor:
    """Reads every feature through an ADC of so many bits over its training range.

    2ⁿ codes, evenly spaced from the minimum to the maximum, nearest code (halves to even); what lies outside clips. A
    feature without range reads as its minimum.

    Args:
        inputs: [n, ...].
        ranges: Of the training set.
        sensors: Not needed; here so that all faults are called alike.
        level: Bits n, a whole number from 1 to 24: fewer are worse.
    """
    _check_level("requantization", level)
    top = 2 ** int(level) - 1
    low, high = ranges.minimum.double(), ranges.maximum.double()
    step = (high - low) / top
    codes = ((inputs.double() - low) / torch.where(step > 0, step, 1.0)).round().clamp(0, top)
    return (low + codes * step).to(inputs.dtype)


def _check_level(fault: str, level: float) -> None:
    if fault == "requantization":
        if not (1 <= level <= MAX_ADC_BITS and float(level).is_integer()):
            raise LowlandError(f"requantization level is {level}; expected whole bits, 1 to {MAX_ADC_BITS}")
    elif fault.endswith("drift"):
        if not (level >= 0 and math.isfinite(level)):
            raise LowlandError(f"{fault} level is {level}; expected per cent, at least 0")
    elif not 0 <= level <= 100:
        raise LowlandError(f"{fault} level is {level}; expected per cent, 0 to 100")


SENSOR_FAULTS: dict[str, Callable[..., Tensor]] = {
    "dead_at_mean": partial(dead_channels, stuck_at="mean"),
    "dead_at_zero": partial(dead_channels, stuck_at="zero"),
    "gain_drift": gain_drift,
    "offset_drift": offset_drift,
    "saturation": saturation,
    "requantization": requantization,
}
