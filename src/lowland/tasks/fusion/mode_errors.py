"""How far an estimated mode is from the true one: as a vector, in amplitude and in phase."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lowland.estimate import Estimate

TURN = 2 * math.pi


class Limits(NamedTuple):
    """Smallest and largest true amplitude of the rows over which amplitude and phase errors are taken."""

    smallest: float
    largest: float


def saturated(modes: Tensor, largest: float) -> Tensor:
    """Mode vectors [n, 2] as a controller takes them: none longer than ``largest``, NaN where one is not finite."""
    length = torch.hypot(modes[:, :1], modes[:, 1:])  # a sum of squares overflows
    held = modes * (largest / length.clamp(min=largest))
    return torch.where(modes.isfinite().all(dim=1, keepdim=True), held, math.nan)


def vector_errors(estimates: Tensor, modes: Tensor, *, largest: float) -> Tensor:
    """Length of the difference between estimated and true mode vectors [n].

    Estimates longer than ``largest`` count as that long. One that is not finite counts as the worst of those: of length
    ``largest`` in the opposite direction.

    Args:
        estimates: [n, 2], (A sin φ, A cos φ).
        modes: The true ones [n, 2].
        largest: Longest vector that a controller can be given.
    """
    errors = (saturated(estimates.double(), largest) - modes).norm(dim=1)
    return torch.where(errors.isfinite(), errors, modes.norm(dim=1) + largest).to(modes.dtype)


def mode_errors(estimates: Tensor, modes: Tensor, *, largest: float, limits: Limits) -> dict[str, Estimate]:
    """Mean and standard deviation of the signed errors of amplitude and phase, over rows with an amplitude in limits.

    Phase errors are in degrees, wrapped to ±180. Estimates longer than ``largest`` count as that long; those that are
    not finite count as that long and off by 180 degrees.

    Args:
        estimates: [n, 2], (A sin φ, A cos φ).
        modes: The true ones [n, 2].
        largest: Longest vector that a controller can be given.
        limits: Of the true amplitude; the phase of a mode that is hardly there means nothing.

    Returns:
        By measure of the long table; ``undefined`` where fewer than two rows lie within the limits.
    """
    true = modes.double()
    amplitude = true.norm(dim=1)
    chosen = (amplitude >= limits.smallest) & (amplitude <= limits.largest)
    if int(chosen.sum()) < 2:
        return {name: Estimate.missing("undefined") for name in MODE_ERRORS}
    true, amplitude, found = true[chosen], amplitude[chosen], saturated(estimates.double(), largest)[chosen]
    lost = ~found.isfinite().all(dim=1)
    turned = torch.atan2(found[:, 0], found[:, 1]) - torch.atan2(true[:, 0], true[:, 1])
    wrapped = TURN / 2 - torch.remainder(TURN / 2 - turned, TURN)
    amplitude_errors = torch.where(lost, torch.full_like(amplitude, largest), found.norm(dim=1)) - amplitude
    phase_errors = torch.where(lost, torch.full_like(amplitude, 180.0), wrapped.rad2deg())
    return {
        "amplitude_error": Estimate.from_samples(amplitude_errors),
        "amplitude_error_spread": spread(amplitude_errors),
        "phase_error": Estimate.from_samples(phase_errors),
        "phase_error_spread": spread(phase_errors),
    }


MODE_ERRORS = ("amplitude_error", "amplitude_error_spread", "phase_error", "phase_error_spread")


def spread(samples: Tensor) -> Estimate:
    """Standard deviation of independent samples with its standard error, whatever they are distributed like.

    s.e.(s) = sqrt((m₄ − s⁴) / n) / (2 s), m₄ the fourth central moment: for normal samples s/sqrt(2n).

    Args:
        samples: [n], at least two.
    """
    count, off = len(samples), samples.double() - samples.double().mean()
    deviation = float(off.std(correction=1))
    if deviation == 0:
        return Estimate(0.0, 0.0, count)
    excess = max(float((off**4).mean()) - deviation**4, 0.0)
    return Estimate(deviation, math.sqrt(excess / count) / (2 * deviation), count)


def sectors(modes: Tensor, degrees: float) -> Tensor:
    """Number of the phase's sector, from 0 at phase 0 on [n]; -1 where a mode vector is not finite."""
    phase = torch.remainder(torch.atan2(modes[:, 0], modes[:, 1]).rad2deg(), 360.0)
    number = (phase / degrees).floor().remainder(360 / degrees)  # a phase just below 0 can be rounded to 360
    return torch.where(modes.isfinite().all(dim=1), number, -1.0).long()
