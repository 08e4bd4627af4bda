"""Lengths of corruptions that were published for images of 32 pixels."""

from __future__ import annotations

from torch import Tensor

REFERENCE_SIDE = 32  # pixels of the images whose published lengths are used


def in_pixels(length: float, images: Tensor) -> float:
    """A published length in the pixels of these images [n, c, h, w]: it grows with the shorter side above 32."""
    return length * max(1.0, min(images.shape[2:]) / REFERENCE_SIDE)
