"""What storing and sending an image does to it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from lowland.perturbation.image_corruptions.jpeg import through_jpeg
from lowland.perturbation.image_filters import shrunken


def pixelate(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """Sides shrunken to 95 to 65 % of their pixels by averaging, and blown up again."""
    height, width = images.shape[2:]
    share = (0.95, 0.9, 0.85, 0.75, 0.65)[severity - 1]
    small = shrunken(images, (max(1, int(height * share)), max(1, int(width * share))))
    return functional.interpolate(small, size=(height, width), mode="nearest-exact")


def jpeg_compression(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """Stored as JPEG in a quality of 80 down to 40, in 256 levels, and read again."""
    return through_jpeg(images, quality=(80, 65, 58, 50, 40)[severity - 1])
