"""A camera's view of a rotating helical mode in a tokamak, simulated.

The camera looks along the torus from a port on the outside. Light comes from a ring near the edge of the plasma, from
its core and from reflections; a tearing-like mode displaces the ring. Every frame is a combination of few images that
are rendered once, at a higher resolution than the frames, through the camera's gains, and then averaged over areas.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lowland.randomness import Key, seed_of
from lowland.tasks.area_average import area_averaged
from lowland.tasks.fusion.plasma_view import Floats, Plasma, View, rendered


@dataclass(frozen=True)
class Camera:
    """How the camera turns light into readings.

    Attributes:
        view: Where it stands and what it sees.
        exposure: Brightness of the brightest part of a typical ring; 1 is white.
        photons: Photons that make a pixel of a frame white.
        readout_noise: Standard deviation in a pixel of a frame; 1 is white.
        gain_spread: Standard deviation of the fixed pattern: relative gains of rendered pixels.
        dead_share: Share of rendered pixels that stay black.
        hot_share: Share of rendered pixels that glow by themselves.
        vignetting: Loss of light in the corners.
        gain: Sensitivity of the whole camera.
        campaign: Names the fixed pattern and the dead pixels.
    """

    view: View = field(default_factory=View)
    exposure: float = 0.5
    photons: float = 300.0
    readout_noise: float = 0.005
    gain_spread: float = 0.03
    dead_share: float = 0.005
    hot_share: float = 0.002
    vignetting: float = 0.25
    gain: float = 1.0
    campaign: str = "first"


@dataclass(frozen=True)
class Discharges:
    """How modes and background drift from frame to frame of a discharge.

    Attributes:
        frames: Frames of a discharge.
        memory: Frames after which a drift has forgotten most of what it was.
        median_amplitude: Of the mode, in gauss.
        amplitude_spread: Standard deviation of the logarithm of the amplitude.
        modulation: Depth to which one gauss modulates the ring.
        turns: Largest advance of the phase from frame to frame, in radians, either way.
        phase_jitter: Standard deviation of what is added to the phase from frame to frame, in radians.
        harmonic: Typical amplitude of the mode with twice both numbers, as a share of the mode's; its phase is its own.
        brightness_spread: Standard deviation of the logarithm of the ring's brightness.
        core: Typical brightness of the core, as a share of the ring's.
        core_spread: Standard deviation of its logarithm.
        reflection: Typical brightness of reflections, as a share of the ring's.
        reflection_spread: Standard deviation of its logarithm.
        shift_spread: Standard deviation of the plasma's position, in metres.
    """

    frames: int = 50
    memory: float = 40.0
    median_amplitude: float = 9.0
    amplitude_spread: float = 0.6
    modulation: float = 0.03
    turns: float = 0.6
    phase_jitter: float = 0.15
    harmonic: float = 0.2
    brightness_spread: float = 0.15
    core: float = 0.5
    core_spread: float = 0.2
    reflection: float = 0.08
    reflection_spread: float = 0.4
    shift_spread: float = 0.004


class World(NamedTuple):
    """All that a set of frames is simulated from."""

    plasma: Plasma
    camera: Camera
    discharges: Discharges


class Frames(NamedTuple):
    """Frames [n, side, side] in [0, 1], amplitudes [n] in gauss, phases [n] in radians, numbers of discharges [n]."""

    frames: NDArray[np.float32]
    amplitude: Floats
    phase: Floats
    shot: NDArray[np.int64]


def nominal_world(photons: float) -> World:
    """The world of the training data."""
    return World(Plasma(), Camera(photons=photons), Discharges())


def later_campaign(world: World) -> World:
    """Windows have become dirty towards their rim, gains have drifted and more pixels are dead."""
    camera = replace(world.camera, campaign="later", gain=0.9, vignetting=0.4, dead_share=2 * world.camera.dead_share)
    return world._replace(camera=camera)


def moved_surface(world: World) -> World:
    """Another profile of the safety factor: the mode sits deeper in the plasma."""
    return world._replace(plasma=replace(world.plasma, rational_surface=0.72))


def bright_background(world: World) -> World:
    """A brighter core and more reflected light, which say nothing about the mode."""
    discharges = world.discharges
    brighter = replace(discharges, core=1.6 * discharges.core, reflection=2.5 * discharges.reflection)
    return world._replace(discharges=brighter)


SHIFTS = {"later_campaign": later_campaign, "moved_surface": moved_surface, "bright_background": bright_background}


def simulate(
    world: World,
    *,
    discharges: int,
    mode: tuple[int, int],
    side: int,
    largest_amplitude: float,
    key: tuple[Key, ...],
) -> Frames:
    """Frames of a number of discharges.

    frame = b·ring + c·core + l·reflection + d·∂ring/∂R + b·μ·A·(cos φ·C + sin φ·S) + harmonic, seen through the camera:
    C and S are the mode at phases 0° and 90°, b, c, l and d drift, μ is the depth of modulation. Photons arrive as a
    Poisson process; the sum of Poisson counts is one, so that noise is drawn for the averaged pixels.

    Args:
        world: Plasma, camera and drifts.
        discharges: At least 1.
        mode: m and n: its periods the short and the long way round.
        side: Pixels of a frame's side; divides the rendered ones.
        largest_amplitude: In gauss: what the mode cannot exceed.
        key: Names the set; equal keys give equal frames.

    Source:
        View and purpose: Wei et al. 2024, arXiv 2312.00128 (HBT-EP). Profiles of tearing modes: Wesson, Tokamaks,
        chapter 6.
    """
    images = _images(world, mode=mode, side=side)
    random = np.random.default_rng(seed_of(*key, "discharges"))
    drift, shape = world.discharges, (discharges, world.discharges.frames)
    brightness = np.exp(drift.brightness_spread * _drifts(random, shape, drift.memory))
    core = drift.core * np.exp(drift.core_spread * _drifts(random, shape, drift.memory))
    reflection = drift.reflection * np.exp(drift.reflection_spread * _drifts(random, shape, drift.memory))
    shift = drift.shift_spread * _drifts(random, shape, drift.memory)
    logarithm = drift.amplitude_spread * _drifts(random, shape, drift.memory)
    amplitude = np.minimum(drift.median_amplitude * np.exp(logarithm), largest_amplitude)
    phase = _phases(random, shape, drift)
    harmonic = drift.harmonic * amplitude * np.abs(random.standard_normal(shape))
    harmonic_phase = _phases(random, shape, drift)
    depth = drift.modulation * brightness
    weights = np.stack(
        [
            brightness,
            core,
            reflection,
            brightness * shift,
            depth * amplitude * np.cos(phase),
            depth * amplitude * np.sin(phase),
            depth * harmonic * np.cos(harmonic_phase),
            depth * harmonic * np.sin(harmonic_phase),
            np.ones(shape),
        ],
        axis=-1,
    )
    seen = [_exposed(random, part @ images.reshape(len(images), -1), world.camera) for part in weights]
    return Frames(
        np.concatenate(seen).reshape(-1, side, side),
        amplitude.ravel(),
        np.angle(np.exp(1j * phase)).ravel(),
        np.repeat(np.arange(discharges), drift.frames),
    )


def _exposed(random: np.random.Generator, light: Floats, camera: Camera) -> NDArray[np.float32]:
    """What the camera reads of the light that falls into it, by pixel."""
    counted = random.poisson(np.clip(light, 0, None) * camera.photons) / camera.photons
    noise = camera.readout_noise * random.standard_normal(light.shape, dtype=np.float32)
    return np.clip(counted + noise, 0, 1).astype(np.float32)


def _drifts(random: np.random.Generator, shape: tuple[int, int], memory: float) -> Floats:
    """Stationary random walks of unit variance along the second dimension that are drawn back to zero."""
    steps = random.standard_normal(shape)
    kept = math.exp(-1 / memory)
    for number in range(1, shape[1]):
        steps[:, number] = kept * steps[:, number - 1] + math.sqrt(1 - kept**2) * steps[:, number]
    return steps


def _phases(random: np.random.Generator, shape: tuple[int, int], drift: Discharges) -> Floats:
    """Rotation at a constant rate with jitter, from anywhere on the circle."""
    start = random.uniform(-math.pi, math.pi, (shape[0], 1))
    rate = random.uniform(-drift.turns, drift.turns, (shape[0], 1))
    return start + np.cumsum(rate + drift.phase_jitter * random.standard_normal(shape), axis=1)


def _images(world: World, *, mode: tuple[int, int], side: int) -> Floats:
    """What every weight of a frame is multiplied by [images, side, side]: the last one is the glow of hot pixels."""
    camera = world.camera
    ring, core, *others = rendered(world.plasma, camera.view, *mode)
    reflected = np.full_like(ring, ring.max())
    pattern = np.random.default_rng(seed_of("camera", camera.campaign))
    gains = 1 + camera.gain_spread * pattern.standard_normal(ring.shape)
    broken = pattern.uniform(size=ring.shape)
    gains[broken < camera.dead_share] = 0
    glow = np.where(broken > 1 - camera.hot_share, 1.0, 0.0)
    axis = np.linspace(-1, 1, camera.view.rendered)
    gains *= camera.gain * (1 - camera.vignetting * (axis[:, None] ** 2 + axis**2) / 2)
    lit = np.stack([ring, core, reflected, *others]) * gains * camera.exposure / ring.max()
    return area_averaged(np.concatenate([lit, glow[None]]), side)
