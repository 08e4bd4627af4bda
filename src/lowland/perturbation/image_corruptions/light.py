"""Too little contrast, too much light, faded or garish colours."""

from __future__ import annotations

import torch
from torch import Tensor


def contrast(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """Every channel drawn towards its mean, down to 15 % of its contrast."""
    means = images.mean(dim=(2, 3), keepdim=True)
    return means + (0.75, 0.5, 0.4, 0.3, 0.15)[severity - 1] * (images - means)


def brightness(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """5 to 30 % of white added to the brightest channel of every pixel, hue and saturation kept."""
    value = images.amax(dim=1, keepdim=True)
    brighter = (value + (0.05, 0.1, 0.15, 0.2, 0.3)[severity - 1]).clamp(max=1)
    return torch.where(value > 0, images * brighter / torch.where(value > 0, value, 1.0), brighter)


def saturate(images: Tensor, *, severity: int, generator: torch.Generator) -> Tensor:
    """Colours faded to 30 and 10 % of their saturation (severities 1 and 2), or up to 2.5 times as strong (3 to 5).

    Hue and the brightest channel of every pixel are kept; grey stays grey, so that images of one channel do not change.
    """
    factor, offset = ((0.3, 0.0), (0.1, 0.0), (1.5, 0.0), (2.0, 0.1), (2.5, 0.2))[severity - 1]
    value = images.amax(dim=1, keepdim=True)
    spread = value - images.amin(dim=1, keepdim=True)
    coloured = spread > 0
    saturation = torch.where(coloured, spread / torch.where(value > 0, value, 1.0), 1.0)
    stronger = (factor * saturation + offset).clamp(max=1)
    return torch.where(coloured, value - (value - images) * (stronger / saturation), images)
