"""One corruption of images, checked before it is done."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.perturbation.image_corruptions.registry import IMAGE_CORRUPTIONS

SEVERITIES = (1, 2, 3, 4, 5)


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
        instead of their diamond-square fractal, frost is computed instead of photographed, and motion is interpolated
        between pixels. Mu & Gilmer 2019, arXiv 1906.02337 (MNIST-C): shear, scale, stripe, zigzag, dotted line and
        Canny's edges; the last four have one strength there, which is severity 3, 1, 1 and 5 here. Rotation and
        translation are the project's: 5, 10, 15, 20, 30 degrees either way; 3, 6, 9, 12, 18 % of each side in any
        direction.
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
