"""Optics that spread a point: out of focus, in motion, through frosted glass."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from lowland.perturbation.image_corruptions.lengths import in_pixels
from lowland.perturbation.image_filters import (
    disk_kernel,
    filtered,
    gaussian_kernel,
    motion_kernels,
    pixel_places,
    resampled,
    smoothed,
)


def gaussian_blur(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """Gaussian blur of 0.4 to 1 pixels."""
    return filtered(images, gaussian_kernel(in_pixels((0.4, 0.6, 0.7, 0.8, 1.0)[severity - 1], images)))


def defocus(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """A disk of 0.3 to 1.5 pixels with a soft edge."""
    radius, smoothing = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1))[severity - 1]
    return filtered(images, disk_kernel(in_pixels(radius, images), smoothing=smoothing))


def motion_blur(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """Streaks of 1 to 2.5 pixels (standard deviation), within 45 degrees of the horizontal."""
    length, deviation = ((6, 1.0), (6, 1.5), (6, 2.0), (8, 2.0), (9, 2.5))[severity - 1]
    angles = (2 * torch.rand(len(images), generator=generator) - 1) * (math.pi / 4)
    kernels = motion_kernels(angles, length=round(in_pixels(length, images)), deviation=in_pixels(deviation, images))
    return filtered(images, kernels)


def zoom_blur(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """The mean of the image and of itself enlarged about its centre in steps of 1 %, by up to 5 to 25 %."""
    factors = [1 + step / 100 for step in range((6, 11, 16, 21, 26)[severity - 1])]
    places = pixel_places(images)
    total = images.clone()
    for factor in factors:
        total += resampled(images, places / factor)
    return total / (len(factors) + 1)


def glass_blur(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """Pixels that changed places with neighbours once or twice, between two Gaussian blurs of 0.05 to 0.4 pixels."""
    deviation, reach, rounds = ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2))[severity - 1]
    deviation, reach = in_pixels(deviation, images), round(in_pixels(reach, images))
    shuffled = _shuffled(smoothed(images, deviation), reach=reach, rounds=rounds, generator=generator)
    return smoothed(shuffled, deviation)


def _shuffled(images: Tensor, *, reach: int, rounds: int, generator: torch.Generator) -> Tensor:
    """Pixels inside the margin swapped, one after another, with one up to ``reach`` pixels above and left."""
    samples, channels, height, width = images.shape
    # Of pixels, then images: a step of the loop reads numbers that lie together.
    origin = np.repeat(np.arange(height * width), samples)
    pixels, rows = origin.reshape(height, width, samples), np.arange(samples)
    numbers = np.arange(height * width).reshape(height, width, 1)
    for _ in range(rounds):
        # From -reach to reach - 1, as published; drawn for all pixels, so that rounds do not depend on their number.
        down, right = torch.randint(-reach, reach, (2, height, width, samples), generator=generator).numpy()
        others = (numbers + down * width + right) * samples + rows
        for row in range(height - reach, reach, -1):
            for column in range(width - reach, reach, -1):
                here, other = pixels[row, column], others[row, column]
                origin[other], pixels[row, column] = here.copy(), origin[other]
    places = torch.from_numpy(pixels.reshape(-1, samples).T.copy()).to(images.device)
    return images.flatten(2).gather(2, places.unsqueeze(1).expand(-1, channels, -1)).view_as(images)
