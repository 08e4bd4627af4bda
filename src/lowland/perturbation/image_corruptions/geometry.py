"""Images turned, moved, sheared, shrunken and stretched."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lowland.perturbation.image_filters import pixel_places, resampled, smoothed, warped


def rotation(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """5 to 30 degrees about the centre, either way."""
    signs = (torch.rand(len(images), generator=generator) < 0.5).float() * 2 - 1
    angles = signs * math.radians((5, 10, 15, 20, 30)[severity - 1])
    return warped(images, angles=angles, shifts=torch.zeros(len(images), 2))


def translation(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """3 to 18 % of each side, in any direction."""
    height, width = images.shape[2:]
    directions = 2 * math.pi * torch.rand(len(images), generator=generator)
    share = (0.03, 0.06, 0.09, 0.12, 0.18)[severity - 1]
    shifts = share * torch.stack([width * directions.cos(), height * directions.sin()], dim=1)
    return warped(images, angles=torch.zeros(len(images)), shifts=shifts)


def shear(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """Rows slid against each other and stretched apart, either way: verticals lean by 0.2 to 1 radian."""
    signs = (torch.rand(len(images), generator=generator) < 0.5).double() * 2 - 1
    angles = signs * (0.2, 0.4, 0.6, 0.8, 1.0)[severity - 1]
    zeros, ones = torch.zeros_like(angles), torch.ones_like(angles)
    across, down = torch.stack([ones, -angles.sin()], dim=1), torch.stack([zeros, angles.cos()], dim=1)
    return resampled(images, _mapped(torch.stack([across, down], dim=1), pixel_places(images)))


def scale(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """Shrunken about the centre to 90 to 50 % of each side."""
    return resampled(images, pixel_places(images) / (0.9, 0.8, 0.7, 0.6, 0.5)[severity - 1])


def elastic_transform(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """A skew that moves three points by up to 8 to 3 % of the side, and, the less of it, the more and finer ripples."""
    strength, smoothness, skew = (
        (0.0, 0.0, 0.08),
        (0.05, 0.2, 0.07),
        (0.08, 0.06, 0.06),
        (0.1, 0.04, 0.05),
        (0.1, 0.03, 0.03),
    )[severity - 1]
    side = min(images.shape[2:])
    moves = 2 * torch.rand(len(images), 3, 2, generator=generator, dtype=torch.float64) - 1
    ripples = 2 * torch.rand(len(images), 2, *images.shape[2:], generator=generator, dtype=torch.float64) - 1
    places = pixel_places(images) + strength * side * smoothed(ripples, smoothness * side, truncated=3.0)
    return resampled(images, _skewed(places, skew * side * moves, reach=max(1, side // 3)))


def _skewed(places: Tensor, moves: Tensor, *, reach: int) -> Tensor:
    """Places [n, 2, h, w] before an affine map that moves three corners of a square about the centre.

    Args:
        places: To the right and down in pixels from the centre.
        moves: [n, 3, 2] of the corners, likewise.
        reach: Half the side of the square.
    """
    corners = reach * torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]], dtype=torch.float64)
    moved = torch.cat([corners + moves, torch.ones(len(moves), 3, 1, dtype=torch.float64)], dim=2)
    back = torch.linalg.solve(moved, corners.expand(len(moves), -1, -1)).mT  # [n, 2, 3]
    return _mapped(back[:, :, :2], places) + back[:, :, 2, None, None]


def _mapped(maps: Tensor, places: Tensor) -> Tensor:
    """Linear maps [n, 2, 2] of places [n or 1, 2, h, w]."""
    return torch.einsum("nij,njhw->nihw", maps, places.expand(len(maps), -1, -1, -1))
