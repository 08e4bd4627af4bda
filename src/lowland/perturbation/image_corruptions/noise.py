"""Noise of the sensor behind the lens."""

from __future__ import annotations

import torch
from torch import Tensor


def shot_noise(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """Poisson counts where white stands for 500 down to 50 photons."""
    photons = (500, 250, 100, 75, 50)[severity - 1]
    return torch.poisson(photons * images.cpu(), generator=generator).to(images) / photons


def impulse_noise(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """1 to 7 % of all entries black or white; what is hit at one severity is hit at every higher one."""
    drawn = torch.rand(images.shape, generator=generator)
    white = (torch.rand(images.shape, generator=generator) < 0.5).to(images)
    hit = drawn < (0.01, 0.02, 0.03, 0.05, 0.07)[severity - 1]
    return torch.where(hit.to(images.device), white, images)


def gaussian_noise(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """Gaussian noise of 4 to 10 % of white on every entry."""
    deviation = (0.04, 0.06, 0.08, 0.09, 0.10)[severity - 1]
    return images + deviation * torch.randn(images.shape, generator=generator).to(images)


def speckle_noise(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """Gaussian noise of 6 to 20 % of the entry itself: black stays black."""
    deviation = (0.06, 0.10, 0.12, 0.16, 0.20)[severity - 1]
    return images * (1 + deviation * torch.randn(images.shape, generator=generator).to(images))
