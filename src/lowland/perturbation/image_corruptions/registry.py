"""All corruptions of images, by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from lowland.perturbation.image_corruptions.blur import defocus, gaussian_blur, glass_blur, motion_blur, zoom_blur
from lowland.perturbation.image_corruptions.digital import jpeg_compression, pixelate
from lowland.perturbation.image_corruptions.edges import canny_edges
from lowland.perturbation.image_corruptions.geometry import elastic_transform, rotation, scale, shear, translation
from lowland.perturbation.image_corruptions.light import brightness, contrast, saturate
from lowland.perturbation.image_corruptions.lines import dotted_line, stripe, zigzag
from lowland.perturbation.image_corruptions.noise import gaussian_noise, impulse_noise, shot_noise, speckle_noise
from lowland.perturbation.image_corruptions.weather import fog, frost, snow, spatter

IMAGE_CORRUPTIONS: dict[str, Callable[..., Tensor]] = {
    corruption.__name__: corruption
    for corruption in (
        gaussian_blur,
        defocus,
        motion_blur,
        fog,
        contrast,
        brightness,
        shot_noise,
        impulse_noise,
        pixelate,
        rotation,
        translation,
        zoom_blur,
        glass_blur,
        gaussian_noise,
        speckle_noise,
        frost,
        snow,
        spatter,
        saturate,
        jpeg_compression,
        shear,
        scale,
        elastic_transform,
        stripe,
        zigzag,
        dotted_line,
        canny_edges,
    )
}
"""Corrupted images of images [n, channels, height, width] from black 0 to white 1, a severity and a generator."""
