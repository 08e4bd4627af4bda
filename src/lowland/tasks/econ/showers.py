"""A simulation of wafers: showers, tracks and noise in one silicon layer of a sampling calorimeter, seen by a trigger.

Each wafer lies at a depth of the electromagnetic part, at a polar angle and in a pile-up of its own. Particles fall on
it and around it. What they deposit in the layer is counted in minimum-ionising particles (MIPs), laid down in spots,
summed over the pads of each trigger cell and given in counts of 1/35 transverse MIP.

Sources: longitudinal profile, hadronic showers' electromagnetic share: Particle Data Group, Review of Particle Physics
(2022), sections 34.5 and 35.9; lateral profile: Grindhammer and Peters 1993, hep-ex/0001020, homogeneous media;
dimensions: CMS, CERN-LHCC-2017-023.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lowland.randomness import Key, seed_of
from lowland.tasks.econ.hgcal import CELLS, COUNTS_PER_MIP
from lowland.tasks.econ.pads import trigger_cells
from lowland.tasks.econ.shower_profiles import electromagnetic, hadronic

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LAYERS = 14
"""Layers of the electromagnetic part that the trigger reads, every other one."""
RADIATION_LENGTHS = 26.0
"""Depth of the electromagnetic part."""
REACH = 12.0
"""Sensor cells from the wafer's centre within which particles fall: its corners are 8 away."""
LEAST_COUNTS = 2
"""Charges below are suppressed."""
MOST_SPOTS = 20
"""Spots of one shower in a layer; denser ones have heavier spots."""
LANDAU_WIDTH = 0.12
"""Spread of a MIP's energy loss in the silicon, in MIPs."""
MOYAL_MEAN = 1.2704
"""Mean of Moyal's approximation of Landau's distribution at unit width: Euler's constant + ln 2."""
TOGETHER = 500
"""Wafers simulated at once, which bounds memory; a part of the key, so it changes what is drawn."""


@dataclass(frozen=True)
class Scenario:
    """What falls on a wafer and around it.

    Attributes:
        particles: Median number of particles.
        spread: Standard deviation of the natural logarithm of their expected number from wafer to wafer.
        momentum: Mean transverse momentum of a particle in GeV, exponentially distributed.
        hard: Expected number of further particles, those of the hard collision.
        hard_momentum: Mean transverse momentum of these in GeV, exponentially distributed.
        photons: Share of particles that shower electromagnetically at once; the others are hadrons.
        pseudorapidity: Of the wafers, evenly from the lowest to the highest.
        noise: Expected number of trigger cells that noise lifts over the threshold.
    """

    particles: float
    spread: float
    momentum: float
    hard: float
    hard_momentum: float
    photons: float
    pseudorapidity: tuple[float, float]
    noise: float


WHOLE_ENDCAP = (1.6, 2.9)

SCENARIOS = {
    "nominal": Scenario(17.0, 1.0, 1.3, 0.4, 8.0, 0.35, WHOLE_ENDCAP, 0.3),
    "electron": Scenario(0.03, 0.5, 0.5, 0.06, 20.0, 0.9, WHOLE_ENDCAP, 0.5),
    "ttbar": Scenario(0.45, 0.9, 1.2, 0.05, 8.0, 0.3, WHOLE_ENDCAP, 0.15),
    "jets": Scenario(0.15, 0.9, 1.0, 0.03, 8.0, 0.3, WHOLE_ENDCAP, 0.35),
    "high_occupancy": Scenario(300.0, 0.1, 0.35, 0.1, 5.0, 0.2, (2.0, 2.4), 0.5),
}
"""Settings whose occupancy and charges come near those of the real sets (``docs/data/econ.md``)."""


class Components(NamedTuple):
    """Parts of showers in a layer [parts]: wafer, place in sensor cells, MIPs, radii of core and tail, core's share."""

    wafer: Integers
    x: Floats
    y: Floats
    mips: Floats
    core: Floats
    tail: Floats
    core_share: Floats


def simulated_wafers(scenario: Scenario, count: int, *, key: tuple[Key, ...]) -> Integers:
    """Charges [count, 48] of wafers with at least one charge; equal keys give equal wafers.

    Args:
        scenario: What falls on them.
        count: At least 1.
        key: Keys the random numbers; a larger count begins with the same wafers.
    """
    found: list[Integers] = []
    while sum(map(len, found)) < count:
        charges = _some_wafers(scenario, np.random.default_rng(seed_of(*key, "wafers", len(found))))
        found.append(charges[charges.any(1)])
    return np.concatenate(found)[:count]


def _some_wafers(scenario: Scenario, random: np.random.Generator) -> Integers:
    slope = np.cosh(random.uniform(*scenario.pseudorapidity, TOGETHER))  # energy over transverse energy
    depth = (random.integers(LAYERS, size=TOGETHER) + 0.5) * RADIATION_LENGTHS / LAYERS
    expected = scenario.particles * np.exp(scenario.spread * random.standard_normal(TOGETHER))
    soft, hard = random.poisson(expected), random.poisson(scenario.hard, TOGETHER)
    wafer = np.concatenate([np.repeat(np.arange(TOGETHER), soft), np.repeat(np.arange(TOGETHER), hard)])
    momentum = np.repeat([scenario.momentum, scenario.hard_momentum], [soft.sum(), hard.sum()])
    energy = momentum * random.exponential(size=len(wafer)) * slope[wafer]
    mips = _deposits(_components(scenario, wafer, energy, depth, random), random)
    counts = COUNTS_PER_MIP * mips / slope[:, None]
    noisy = random.random(counts.shape) < scenario.noise / CELLS
    counts += noisy * (LEAST_COUNTS + random.exponential(size=counts.shape))
    return np.where(counts >= LEAST_COUNTS, counts, 0).astype(np.int64)


def _components(
    scenario: Scenario, wafer: Integers, energy: Floats, depth: Floats, random: np.random.Generator
) -> Components:
    """Electromagnetic showers, and each hadron's electromagnetic and hadronic part or its track."""
    radius, angle = REACH * np.sqrt(random.random(len(wafer))), 2 * np.pi * random.random(len(wafer))
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    photon = random.random(len(wafer)) < scenario.photons
    direct = electromagnetic(energy[photon], depth[wafer[photon]])
    inner, outer = hadronic(energy[~photon], depth[wafer[~photon]], random)
    parts = ((photon, direct), (~photon, inner), (~photon, outer))
    return Components(
        *(np.concatenate([values[chosen] for chosen, _ in parts]) for values in (wafer, x, y)),
        *(np.concatenate(values) for values in zip(*(part for _, part in parts), strict=True)),
    )


def _deposits(parts: Components, random: np.random.Generator) -> Floats:
    """MIPs [wafers, 48] in the trigger cells, spot by spot."""
    spots = random.poisson(np.minimum(parts.mips, MOST_SPOTS))
    each = np.repeat(np.arange(len(spots)), spots)
    weight = np.maximum(parts.mips / MOST_SPOTS, 1.0)[each]
    scale = np.where(random.random(len(each)) < parts.core_share[each], parts.core[each], parts.tail[each])
    share, angle = random.random(len(each)), 2 * np.pi * random.random(len(each))
    radius = scale * np.sqrt(share / (1 - share))  # inverts the share r² / (r² + R²) of the charge within r
    cell = trigger_cells(parts.x[each] + radius * np.cos(angle), parts.y[each] + radius * np.sin(angle))
    loss = 1 - LANDAU_WIDTH * (np.log(random.standard_normal(len(each)) ** 2) + MOYAL_MEAN)
    inside = cell >= 0
    index = parts.wafer[each][inside] * CELLS + cell[inside]
    sums = np.bincount(index, (weight * loss)[inside], minlength=TOGETHER * CELLS)
    return sums.reshape(TOGETHER, CELLS).astype(np.float64)
