"""Lines of sight through a torus, and the light that a plasma with a helical mode sends along them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
COLUMN = 1.3  # minor radii from the plasma's axis to the column in the middle of the torus, which hides what is behind


@dataclass(frozen=True)
class Plasma:
    """Shape of the plasma and of what glows in it; radii within it are shares of the minor radius.

    Attributes:
        major_radius: In metres; this and the minor radius are those of HBT-EP.
        minor_radius: In metres.
        ring_radius: Where the edge glows most.
        ring_width: Standard deviation of the glowing ring.
        rational_surface: Where field lines close upon themselves after m/n turns: the mode's place, set by the safety
            factor's profile.
        island_width: Within this distance of the rational surface (a share of its radius) the displacement turns over.
    """

    major_radius: float = 0.92
    minor_radius: float = 0.15
    ring_radius: float = 0.82
    ring_width: float = 0.12
    rational_surface: float = 0.76
    island_width: float = 0.12

    def ring(self, radius: Floats) -> Floats:
        """Emissivity of the edge at shares of the minor radius."""
        return np.exp(-0.5 * ((radius - self.ring_radius) / self.ring_width) ** 2)

    def core(self, radius: Floats) -> Floats:
        """Emissivity of the core at shares of the minor radius."""
        return np.clip(1 - radius**2, 0, None) ** 2

    def displaced(self, radius: Floats, poloidal_mode: int) -> Floats:
        """Change of the ring's emissivity where a mode pushes it outwards most, up to a factor.

        The flux of a tearing mode is even about the rational surface r_s: (r/r_s)^m inside, (r/r_s)^-m outside. The
        displacement that it causes is odd: flux · x/(x² + w²) with x = r/r_s − 1 and the island's width w. Moving an
        emissivity e by ξ changes it by −ξ·de/dr.
        """
        share = np.maximum(radius / self.rational_surface, 1e-9)
        flux = np.minimum(share, 1 / share) ** poloidal_mode
        off = share - 1
        displacement = flux * 2 * self.island_width * off / (off**2 + self.island_width**2)
        slope = -(radius - self.ring_radius) / self.ring_width**2 * self.ring(radius)
        return -displacement * slope * self.ring_width


@dataclass(frozen=True)
class View:
    """Where the camera stands and what it sees.

    Attributes:
        radius: Distance of its port from the torus' axis, in metres.
        tangency: Radius of the circle about the torus' axis to which its middle line of sight is a tangent, in metres.
        field: Half the width of its view at that tangent's point, in metres.
        rendered: Pixels of a side before averaging.
        steps: Points on each line of sight.
    """

    radius: float = 1.27
    tangency: float = 0.92
    field: float = 0.18
    rendered: int = 64
    steps: int = 128


class _Sight(NamedTuple):
    """Lines of sight [row, column, step] in the plasma's coordinates.

    Attributes:
        radius: Distance from the centre of the cross-section, in minor radii.
        turned: Angle the short way round, with field lines straight to first order in the inverse aspect ratio.
        along: Angle the long way round.
        seen: 1 up to the central column, then 0.
    """

    radius: Floats
    turned: Floats
    along: Floats
    seen: Floats


def _sight(plasma: Plasma, view: View) -> _Sight:
    """The camera looks horizontally, along a tangent of a circle that is the undisplaced plasma's axis."""
    tangent = math.sqrt(view.radius**2 - view.tangency**2)
    ahead = np.array([-tangent, view.tangency]) / view.radius
    extent = view.field / tangent * np.linspace(-1, 1, view.rendered)
    depth = np.linspace(0, 2 * tangent, view.steps)
    x = view.radius + depth * (ahead[0] + extent[:, None] * ahead[1])
    y = depth * (ahead[1] - extent[:, None] * ahead[0])
    outwards = np.hypot(x, y) - plasma.major_radius
    height = (-extent[:, None] * depth)[:, None]
    radius, turned = np.hypot(outwards, height), np.arctan2(height, outwards)
    seen = np.cumprod(outwards > -COLUMN * plasma.minor_radius, axis=1)
    straight = turned - radius / plasma.major_radius * np.sin(turned)
    return _Sight(radius / plasma.minor_radius, straight, np.arctan2(y, x), seen)


@lru_cache(maxsize=4)
def rendered(plasma: Plasma, view: View, poloidal_mode: int, toroidal_mode: int) -> Floats:
    """Light that falls into an ideal camera: ring, core, ∂ring/∂R, the mode's two phases and its harmonic's."""
    sight = _sight(plasma, view)
    ring = (plasma.ring(sight.radius) * sight.seen).mean(axis=2)
    core = (plasma.core(sight.radius) * sight.seen).mean(axis=2)
    step = 1e-3 * plasma.minor_radius
    displaced = replace(plasma, major_radius=plasma.major_radius + step)
    beside = _sight(displaced, view)
    modes = []
    for order in (1, 2):
        wave = order * (poloidal_mode * sight.turned - toroidal_mode * sight.along)
        light = plasma.displaced(sight.radius, order * poloidal_mode) * sight.seen
        modes += [(light * part(wave)).mean(axis=2) for part in (np.cos, np.sin)]
    shifted = ((plasma.ring(beside.radius) * beside.seen).mean(axis=2) - ring) / step
    return np.stack([ring, core, shifted, *modes])
