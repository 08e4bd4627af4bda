"""Bad weather, bad focus and bad light: corruptions of images in five severities."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.perturbation.image_filters import (
    clouds,
    disk_kernel,
    filtered,
    gaussian_kernel,
    motion_kernels,
    shrunken,
    warped,
)
from lowland.selection import NONE_SWITCHES_OFF, NOTHING, refuse_repeats
from lowland.vocabulary.planned import Planned

CorruptionKind = Literal[
    "gaussian_blur",
    "defocus",
    "motion_blur",
    "fog",
    "contrast",
    "brightness",
    "shot_noise",
    "impulse_noise",
    "pixelate",
    "rotation",
    "translation",
]
SEVERITIES = (1, 2, 3, 4, 5)
REFERENCE_SIDE = 32  # pixels of the images whose published blur lengths are used


class ImageCorruptionOptions(BaseModel):
    """Which corruptions in which severities, and how many draws of each; for tasks whose inputs are images.

    Attributes:
        kinds: Keys of ``IMAGE_CORRUPTIONS``; ``none`` switches corruptions off, also in place of all these options.
        severities: From 1 to 5.
        draws: Independent draws; what chance has no part in, such as blur, is done once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: Annotated[tuple[CorruptionKind, ...], NONE_SWITCHES_OFF]
    severities: Annotated[tuple[Annotated[int, Field(ge=1, le=5)], ...], Field(min_length=1)]
    draws: Annotated[int, Field(ge=2)]

    @model_validator(mode="before")
    @classmethod
    def _none_is_no_kind(cls, value: Any) -> Any:
        return {"kinds": (), "severities": (1,), "draws": 2} if value in NOTHING else value

    @model_validator(mode="after")
    def _names_nothing_twice(self) -> Self:
        refuse_repeats(kinds=self.kinds, severities=self.severities)
        return self

    def planned(self) -> Iterator[Planned]:
        """Every corruption in every severity, of images."""
        for kind in self.kinds:
            yield Planned(family="image_corruption", condition=kind, levels=tuple(map(float, self.severities)))


def corrupt(
    images: Tensor,
    kind: str,
    *,
    severity: int,
    generator: torch.Generator,
    value_range: tuple[float, float] = (0.0, 1.0),
) -> Tensor:
    """Images as they come out of a corruption, every image with random numbers of its own.

    Strengths are those published for images of 32 pixels. Lengths in pixels grow with the shorter side above 32 and
    stay as they are below. Beyond its edges an image goes on as it is there.

    Args:
        images: [n, channels, height, width], floating point, within ``value_range``.
        kind: Key of ``IMAGE_CORRUPTIONS``.
        severity: 1 (mild) to 5.
        generator: On the CPU, as ``lowland.randomness.generator`` makes it from a key. Generators with equal keys give
            all severities the same random numbers, shot noise excepted.
        value_range: Black and white, in the images' units.

    Returns:
        Images of the same shape, type and range.

    Raises:
        LowlandError: Inputs that are no images, an unknown corruption, a severity that is not 1 to 5, a range whose
            ends are in the wrong order or that the images leave.

    Source:
        Hendrycks & Dietterich 2019, arXiv 1903.12261, with the severities of their CIFAR-10-C. Fog is a sum of octaves
        instead of their diamond-square fractal, and motion is interpolated between pixels. Rotation and translation are
        the project's: 5, 10, 15, 20, 30 degrees either way; 3, 6, 9, 12, 18 % of each side in any direction.
    """
    if images.ndim != 4 or not images.is_floating_point():
        raise LowlandError(
            f"corruption {kind!r} asked of inputs of shape {list(images.shape)} and type {images.dtype}; expected "
            "floating-point images [n, channels, height, width]: use noise and sensor faults for other inputs"
        )
    if kind not in IMAGE_CORRUPTIONS:
        raise LowlandError(f"corruption is {kind!r}; expected one of {', '.join(IMAGE_CORRUPTIONS)}")
    if severity not in SEVERITIES:
        raise LowlandError(f"severity is {severity}; expected a whole number from 1 to 5")
    low, high = value_range
    if not -math.inf < low < high < math.inf:
        raise LowlandError(f"value_range is {value_range}; expected black, then white, both finite")
    slack = 1e-5 * (high - low)
    if not bool(((images >= low - slack) & (images <= high + slack)).all()):
        raise LowlandError(
            f"images range from {float(images.min()):.4g} to {float(images.max()):.4g}; expected them within "
            f"value_range {value_range}: state the range that the task's images have"
        )
    unit = ((images - low) / (high - low)).clamp(0, 1)
    corrupted = IMAGE_CORRUPTIONS[kind](unit, severity=int(severity), generator=generator)
    return low + (high - low) * corrupted.clamp(0, 1)


def gaussian_blur(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """Gaussian blur of 0.4 to 1 pixels."""
    return filtered(images, gaussian_kernel(_pixels((0.4, 0.6, 0.7, 0.8, 1.0)[severity - 1], images)))


def defocus(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """A disk of 0.3 to 1.5 pixels with a soft edge."""
    radius, smoothing = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1))[severity - 1]
    return filtered(images, disk_kernel(_pixels(radius, images), smoothing=smoothing))


def motion_blur(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """Streaks of 1 to 2.5 pixels (standard deviation), within 45 degrees of the horizontal."""
    length, deviation = ((6, 1.0), (6, 1.5), (6, 2.0), (8, 2.0), (9, 2.5))[severity - 1]
    angles = (2 * torch.rand(len(images), generator=generator) - 1) * (math.pi / 4)
    kernels = motion_kernels(angles, length=round(_pixels(length, images)), deviation=_pixels(deviation, images))
    return filtered(images, kernels)


def fog(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """Clouds laid over the image, which then is darkened back to its brightest."""
    strength, decay = ((0.2, 3.0), (0.5, 3.0), (0.75, 2.5), (1.0, 2.0), (1.5, 1.75))[severity - 1]
    samples, _, height, width = images.shape
    veil = strength * clouds((samples, height, width), decay=decay, generator=generator).to(images).unsqueeze(1)
    brightest = images.amax(dim=(1, 2, 3), keepdim=True)
    return (images + veil) * brightest / (brightest + strength)


def contrast(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """Every channel drawn towards its mean, down to 15 % of its contrast."""
    means = images.mean(dim=(2, 3), keepdim=True)
    return means + (0.75, 0.5, 0.4, 0.3, 0.15)[severity - 1] * (images - means)


def brightness(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """5 to 30 % of white added to the brightest channel of every pixel, hue and saturation kept."""
    value = images.amax(dim=1, keepdim=True)
    brighter = (value + (0.05, 0.1, 0.15, 0.2, 0.3)[severity - 1]).clamp(max=1)
    return torch.where(value > 0, images * brighter / torch.where(value > 0, value, 1.0), brighter)


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


def pixelate(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """Sides shrunken to 95 to 65 % of their pixels by averaging, and blown up again."""
    height, width = images.shape[2:]
    share = (0.95, 0.9, 0.85, 0.75, 0.65)[severity - 1]
    small = shrunken(images, (max(1, int(height * share)), max(1, int(width * share))))
    return functional.interpolate(small, size=(height, width), mode="nearest-exact")


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


def _pixels(length: float, images: Tensor) -> float:
    return length * max(1.0, min(images.shape[2:]) / REFERENCE_SIDE)


IMAGE_CORRUPTIONS: dict[str, Callable[..., Tensor]] = {
    "gaussian_blur": gaussian_blur,
    "defocus": defocus,
    "motion_blur": motion_blur,
    "fog": fog,
    "contrast": contrast,
    "brightness": brightness,
    "shot_noise": shot_noise,
    "impulse_noise": impulse_noise,
    "pixelate": pixelate,
    "rotation": rotation,
    "translation": translation,
}
