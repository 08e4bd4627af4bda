"""Fog, frost, snow, and what splashes onto the lens."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lowland.perturbation.image_corruptions.lengths import in_pixels
from lowland.perturbation.image_filters import (
    clouds,
    filtered,
    grey,
    motion_kernels,
    pixel_places,
    resampled,
    smoothed,
    smoothing,
)

ICE = (0.85, 0.93, 1.0)
WATER, GREY_WATER = (175 / 255, 238 / 255, 238 / 255), 220 / 255
MUD, GREY_MUD = (63 / 255, 42 / 255, 20 / 255), 63 / 255


def fog(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """Clouds laid over the image, which then is darkened back to its brightest."""
    strength, decay = ((0.2, 3.0), (0.5, 3.0), (0.75, 2.5), (1.0, 2.0), (1.5, 1.75))[severity - 1]
    samples, _, height, width = images.shape
    veil = strength * clouds((samples, height, width), decay=decay, generator=generator).to(images).unsqueeze(1)
    brightest = images.amax(dim=(1, 2, 3), keepdim=True)
    return (images + veil) * brightest / (brightest + strength)


def frost(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """Veined ice, 20 to 45 % of white at its whitest, over an image that keeps 100 to 75 % of its light.

    The ice is made of the ridges of clouds instead of the published photographs.
    """
    kept, strength = ((1.0, 0.2), (1.0, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45))[severity - 1]
    samples, _, height, width = images.shape
    fields = clouds((2 * samples, height, width), decay=1.15, generator=generator)
    veins = (1 - (2 * fields[:samples] - 1).abs()) ** 4
    ice = (fields[samples:] ** 1.5 + 0.8 * veins).clamp(max=1)
    return kept * images + strength * _coloured(ice, ICE, 1.0, images)


def snow(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """A paler image behind falling flakes, which are streaks of noise within 45 degrees of the vertical."""
    mean, deviation, size, least, length, streak, kept = (
        (0.1, 0.2, 1.0, 0.6, 8, 3, 0.95),
        (0.1, 0.2, 1.0, 0.5, 10, 4, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    )[severity - 1]
    noise = torch.randn(len(images), 1, *images.shape[2:], generator=generator).to(images)
    angles = -(0.25 + 0.5 * torch.rand(len(images), generator=generator)) * math.pi
    layer = resampled(mean + deviation * noise, pixel_places(images) / in_pixels(size, images))
    flakes = torch.where(layer < least, 0.0, layer).clamp(0, 1)
    kernels = motion_kernels(angles, length=round(in_pixels(length, images)), deviation=in_pixels(streak, images))
    falling = filtered(flakes, kernels)
    paler = torch.maximum(images, 1.5 * grey(images).unsqueeze(1) + 0.5)
    return kept * images + (1 - kept) * paler + falling + falling.flip(2, 3)


def spatter(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """Drops on 4 to 24 % of the image, of water up to severity 3, of mud at 4 and 5; where one is hit, all later are.

    Drops are where smoothed noise is high, as published; shares stand for the published thresholds, and water brightens
    without the published highlights.
    """
    share, mud = ((0.04, False), (0.08, False), (0.12, False), (0.16, True), (0.24, True))[severity - 1]
    samples, _, height, width = images.shape
    noise = torch.randn(samples, 1, height, width, generator=generator, dtype=torch.float64)
    size = in_pixels(1.2, images)
    spreads = [smoothing(side, size).square().sum(dim=1).sqrt() for side in (height, width)]
    liquid = smoothed(noise, size) / torch.outer(*spreads)  # standard normal in every pixel
    least = math.sqrt(2) * float(torch.erfinv(torch.tensor(1 - 2 * share, dtype=torch.float64)))
    drops = ((liquid - least) / 0.3).clamp(0, 1)[:, 0]
    cover = drops.to(images).unsqueeze(1)
    if mud:
        return images * (1 - cover) + _coloured(drops, MUD, GREY_MUD, images)
    return images + 0.5 * _coloured(drops, WATER, GREY_WATER, images)


def _coloured(layer: Tensor, colour: tuple[float, float, float], shade: float, images: Tensor) -> Tensor:
    """A layer [n, h, w] in a colour where images have three channels, else in a shade of grey [n, c or 1, h, w]."""
    tint = torch.tensor(colour if images.shape[1] == 3 else (shade,))
    return layer.to(images).unsqueeze(1) * tint.to(images)[:, None, None]
