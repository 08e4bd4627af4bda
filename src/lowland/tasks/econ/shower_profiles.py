"""What a particle deposits in a layer of a calorimeter, and how widely."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CRITICAL_ENERGY = 0.0105
"""GeV that a MIP loses in a radiation length, Rossi's definition: lead, tungsten and copper by their shares."""
ATOMIC_NUMBER = 70.0
MOLIERE_RADIUS = 2.4
"""In sensor cells of 1.18 cm²: 2.8 cm."""
INTERACTION_LENGTH = 19.0
"""In radiation lengths."""
FALL = 0.5
"""Slope b of the longitudinal profile, per radiation length."""
PHOTON_DELAY = 0.5
"""Added to ln(E / critical energy) for the depth of a photon's maximum."""

HADRON_SHAPE = 1.5
HADRON_FALL = 0.8
"""Shape and slope (per interaction length) of the hadronic part's longitudinal profile."""
HADRON_RESPONSE = 0.6
"""MIPs of the hadronic part over those of the electromagnetic one, at equal energy."""
HADRON_RADIUS = 4.0
"""Of the hadronic part, in sensor cells."""
SCALE_ENERGY, SHARE_POWER = 1.0, 0.18
"""Of the electromagnetic share 1 − (E / scale)^−power of a hadron's energy, in GeV."""
SHARE_CONCENTRATION = 4.0
"""Of the beta distribution around the mean electromagnetic share: a standard deviation of 0.22 at a half."""
TRACK_RADIUS = 1e-3
"""Of a hadron that has not interacted yet: a point."""


class Part(NamedTuple):
    """A shower's part in one layer [n]: MIPs, radii of core and tail in sensor cells, share of the core."""

    mips: Floats
    core: Floats
    tail: Floats
    core_share: Floats


def electromagnetic(energy: Floats, depth: Floats) -> Part:
    r"""A photon's shower.

    .. math:: N = \frac{E}{E_c} \frac{b (bt)^{a-1} e^{-bt}}{\Gamma(a)}, \quad \frac{a - 1}{b} = \ln\frac{E}{E_c} + 0.5

    MIPs cross the layer at depth t; around the axis they are spread by two terms :math:`2 r R^2 / (r^2 + R^2)^2`.

    Args:
        energy: [n] in GeV.
        depth: [n] in radiation lengths from where it starts; nothing is deposited before.

    Source: Particle Data Group, section 34.5; radii and shares: Grindhammer and Peters, hep-ex/0001020, section 3.
    """
    maximum = np.maximum(np.log(np.maximum(energy, 1e-9) / CRITICAL_ENERGY) + PHOTON_DELAY, 0.1)
    mips = energy / CRITICAL_ENERGY * _gamma_density(depth, 1 + FALL * maximum, FALL)
    age, scale = np.maximum(depth, 0) / maximum, np.log(np.maximum(energy, 1.0))
    core = 0.0251 + 0.00319 * scale + (0.1162 - 0.000381 * ATOMIC_NUMBER) * age
    late = np.exp(-2.59 * (age - 0.645)) + np.exp((0.3585 + 0.0421 * scale) * np.minimum(age - 0.645, 5.0))
    tail = (0.659 - 0.00309 * ATOMIC_NUMBER) * late
    lag = (0.401 + 0.00187 * ATOMIC_NUMBER - age) / (1.313 - 0.0686 * scale)
    share = (2.632 - 0.00094 * ATOMIC_NUMBER) * np.exp(lag - np.exp(lag))
    return Part(mips, MOLIERE_RADIUS * core, MOLIERE_RADIUS * tail, share.clip(0, 1))


def hadronic(energy: Floats, depth: Floats, random: np.random.Generator) -> tuple[Part, Part]:
    """A hadron's electromagnetic part and the rest; before it interacts, nothing and a track of one MIP.

    Args:
        energy: [n] in GeV.
        depth: [n] of the layer in radiation lengths.
        random: Draws where the hadron interacts and how much of its energy goes into neutral pions.

    Source: Particle Data Group, section 35.9.
    """
    since = depth - INTERACTION_LENGTH * random.exponential(size=len(energy))
    mean = (1 - (np.maximum(energy, SCALE_ENERGY) / SCALE_ENERGY) ** -SHARE_POWER).clip(0.02, 0.98)
    share = random.beta(SHARE_CONCENTRATION * mean, SHARE_CONCENTRATION * (1 - mean))
    inner = electromagnetic(share * energy, since)
    track = since < 0
    lengths = since / INTERACTION_LENGTH
    density = _gamma_density(lengths, np.full(len(energy), HADRON_SHAPE), HADRON_FALL) / INTERACTION_LENGTH
    spread = np.where(track, 1.0, HADRON_RESPONSE * (1 - share) * energy / CRITICAL_ENERGY * density)
    radius = np.where(track, TRACK_RADIUS, HADRON_RADIUS)
    return inner, Part(spread, radius, radius, np.ones(len(energy)))


def _gamma_density(depth: Floats, shape: Floats, fall: float) -> Floats:
    """Density of a gamma distribution, 0 before its start."""
    from scipy.special import gammaln  # takes a while: only where showers are simulated

    within = depth > 0
    scaled = fall * np.where(within, depth, 1.0)
    return np.where(within, fall * np.exp((shape - 1) * np.log(scaled) - scaled - gammaln(shape)), 0.0)
