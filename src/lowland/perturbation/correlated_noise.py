"""Noise that remembers itself: correlated along the time axis of series."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from scipy import signal
from torch import Tensor

from lowland.errors import LowlandError
from lowland.perturbation.input_noise import Disturbance, FeatureRanges
from lowland.selection import refuse_repeats


class TimeNoiseOptions(BaseModel):
    """Which time-correlated noises at which levels, and how many draws of each; for tasks whose inputs are series.

    Attributes:
        kinds: Keys of ``TIME_NOISES``.
        levels: Per cent of each feature's training standard deviation.
        draws: Independent draws whose mean and standard error are reported.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: Annotated[tuple[Literal["autoregressive", "pink"], ...], Field(min_length=1)] = ("autoregressive", "pink")
    levels: Annotated[
        tuple[Annotated[float, Field(gt=0, le=100)], ...],
        Field(min_length=1),
    ] = (5, 10, 15, 20, 30, 50)
    draws: Annotated[int, Field(ge=2)] = 5

    @model_validator(mode="after")
    def _names_nothing_twice(self) -> Self:
        refuse_repeats(kinds=self.kinds, levels=self.levels)
        return self


def autoregressive(
    inputs: Tensor,
    ranges: FeatureRanges,
    disturbance: Disturbance,
    *,
    level: float,
    time_dim: int = -1,
    correlation: float = 0.9,
) -> Tensor:
    """Adds a stationary AR(1) process, eₜ = r·eₜ₋₁ + √(1−r²)·N(0, σ²), independent between rows and sensors.

    At every time it is N(0, σ²), σ = level/100 times the feature's training standard deviation: only its memory tells
    it from Gaussian noise of the same level, which it is at r = 0.

    Args:
        inputs: [n, sensors, time], or [n, time, sensors] with ``time_dim=1``.
        ranges: Of the training set.
        disturbance: Of the same shape as the inputs.
        level: Per cent, at least 0.
        time_dim: Which dimension is time.
        correlation: r between neighbouring times, at least 0 and below 1.

    Raises:
        LowlandError: Inputs without a time axis, a level below 0 or a correlation out of range.
    """
    axis = _time_axis(inputs, time_dim)
    if not 0 <= correlation < 1:
        raise LowlandError(f"correlation is {correlation}; expected at least 0 and below 1")
    white = disturbance.normal.double().cpu().transpose(axis, -1)
    shocks = white * math.sqrt(1 - correlation**2)
    shocks[..., 0] = white[..., 0]  # begins in its stationary state
    noise = torch.from_numpy(signal.lfilter([1.0], [1.0, -correlation], shocks.numpy(), axis=-1))
    return _added(inputs, ranges, noise.transpose(axis, -1), level)


def pink(
    inputs: Tensor, ranges: FeatureRanges, disturbance: Disturbance, *, level: float, time_dim: int = -1
) -> Tensor:
    """Adds noise whose power falls as 1/frequency along time, independent between rows and sensors.

    White noise filtered by f^(−1/2) in the Fourier domain, the constant part as strong as the lowest frequency. It is
    N(0, σ²) at every time, σ = level/100 times the feature's training standard deviation, and periodic: the last time
    of a series is as closely related to the first as to the one before.

    Args:
        inputs: [n, sensors, time], or [n, time, sensors] with ``time_dim=1``.
        ranges: Of the training set.
        disturbance: Of the same shape as the inputs.
        level: Per cent, at least 0.
        time_dim: Which dimension is time.

    Raises:
        LowlandError: Inputs without a time axis or a level below 0.

    Source:
        Timmer & König 1995, Astron. Astrophys. 300, 707, with a random constant part.
    """
    axis = _time_axis(inputs, time_dim)
    length = inputs.shape[axis]
    white = disturbance.normal.double().transpose(axis, -1)
    frequencies = torch.arange(length // 2 + 1, dtype=torch.float64, device=white.device).clamp(min=1)
    gains = frequencies.rsqrt()
    whole = torch.fft.fftfreq(length, d=1 / length, dtype=torch.float64, device=white.device).abs().clamp(min=1).rsqrt()
    gains = gains / whole.square().mean().sqrt()  # unit variance at every time
    noise = torch.fft.irfft(torch.fft.rfft(white, dim=-1) * gains, n=length, dim=-1)
    return _added(inputs, ranges, noise.transpose(axis, -1), level)


def _time_axis(inputs: Tensor, time_dim: int) -> int:
    axis = time_dim % inputs.ndim
    if inputs.ndim != 3 or axis == 0:
        raise LowlandError(
            f"time-correlated noise asked of inputs of shape {list(inputs.shape)} with time_dim {time_dim}; expected "
            "series [n, sensors, time] (or [n, time, sensors] with time_dim 1): use other noise for this task"
        )
    return axis


def _added(inputs: Tensor, ranges: FeatureRanges, noise: Tensor, level: float) -> Tensor:
    if not level >= 0:
        raise LowlandError(f"noise level is {level}; expected per cent, at least 0")
    return inputs + level / 100 * ranges.deviation * noise.to(inputs)


TIME_NOISES: dict[str, Callable[..., Tensor]] = {"autoregressive": autoregressive, "pink": pink}
