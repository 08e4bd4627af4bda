"""What JPEG's discrete cosine transform and its quantization leave of an image."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

BLOCK, WHITE = 8, 255

# Annex K of ITU-T T.81, rows of falling, columns of rising frequency.
_LUMINANCE = torch.tensor(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
_CHROMINANCE = torch.full((BLOCK, BLOCK), 99)
_CHROMINANCE[:4, :4] = torch.tensor([[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]])

# JFIF: red, green and blue to brightness and two differences of colour, and back.
_TO_YCC = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
_TO_RGB = torch.tensor([[1.0, 0.0, 1.402], [1.0, -0.344136, -0.714136], [1.0, 1.772, 0.0]])


def through_jpeg(images: Tensor, *, quality: int) -> Tensor:
    """Images as they come out of JPEG, its lossless part left out.

    Three channels are red, green and blue, their differences of colour stored at half the resolution; any other
    number of channels is stored one by one as grey images.

    Args:
        images: [n, channels, height, width] from black 0 to white 1.
        quality: From 1 to 100, on the scale of the Independent JPEG Group's library.

    Returns:
        Images of the same shape, in 256 levels from 0 to 1.
    """
    height, width = images.shape[2:]
    levels = (images * WHITE).round()
    luminance = _steps(_LUMINANCE, quality)
    if images.shape[1] != 3:
        return _stored(levels - 128, luminance).add(128).round().clamp(0, WHITE) / WHITE
    ycc = torch.einsum("dc,nchw->ndhw", _TO_YCC.to(images), levels).round()
    brightness = _stored(ycc[:, :1] - 128, luminance).round()
    colour = functional.avg_pool2d(_filled(ycc[:, 1:], 2), 2).round()
    colour = _stored(colour, _steps(_CHROMINANCE, quality)).round()
    colour = functional.interpolate(colour, scale_factor=2, mode="bilinear", align_corners=False)[:, :, :height, :width]
    rgb = torch.einsum("cd,ndhw->nchw", _TO_RGB.to(images), torch.cat([brightness + 128, colour.round()], dim=1))
    return rgb.round().clamp(0, WHITE) / WHITE


def _steps(table: Tensor, quality: int) -> Tensor:
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return ((table * scale + 50) // 100).clamp(1, WHITE)


def _stored(planes: Tensor, steps: Tensor) -> Tensor:
    """Planes [n, c, h, w] after their blocks' frequencies were rounded to multiples of ``steps`` [8, 8]."""
    height, width = planes.shape[2:]
    filled = _filled(planes, BLOCK)
    blocks = filled.unflatten(3, (-1, BLOCK)).unflatten(2, (-1, BLOCK)).transpose(3, 4)  # [n, c, down, across, 8, 8]
    cosines, sizes = _cosines().to(planes), steps.to(planes)
    rounded = (cosines @ blocks @ cosines.T / sizes).round() * sizes
    return (cosines.T @ rounded @ cosines).transpose(3, 4).reshape(filled.shape)[:, :, :height, :width]


def _cosines() -> Tensor:
    """The orthonormal cosine transform [frequencies, places]."""
    steps = torch.arange(BLOCK, dtype=torch.float64)
    waves = torch.cos(math.pi * steps[:, None] * (2 * steps + 1) / (2 * BLOCK)) / 2
    waves[0] /= math.sqrt(2)
    return waves


def _filled(planes: Tensor, multiple: int) -> Tensor:
    """Planes whose edges go on until each side is a multiple."""
    down, right = (-side % multiple for side in planes.shape[2:])
    return functional.pad(planes, (0, right, 0, down), mode="replicate")
