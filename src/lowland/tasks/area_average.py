"""Frames of any size brought to the size that a network reads, by averaging over areas."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lowland.errors import LowlandError


def area_averaged(frames: NDArray[np.floating], side: int) -> NDArray[np.float64]:
    """Square frames whose every pixel is the mean of the area that it covers.

    Pixels on the border between two areas count in both by their share, so that the mean of a frame is kept.

    Args:
        frames: [n, height, width], both at least ``side``.
        side: Pixels of a side of the result.

    Returns:
        [n, side, side].

    Raises:
        LowlandError: Frames smaller than the result.
    """
    height, width = frames.shape[1:]
    if min(height, width) < side:
        raise LowlandError(
            f"frames are {height}x{width} pixels; expected at least {side}x{side}, to which they are averaged"
        )
    return _shares(height, side) @ frames.astype(np.float64) @ _shares(width, side).T


def _shares(before: int, after: int) -> NDArray[np.float64]:
    """Share that each of the old pixels has in each of the new ones [after, before]."""
    edges = np.linspace(0, before, after + 1)
    left, right = np.arange(before), np.arange(1, before + 1)
    overlap = np.minimum(edges[1:, None], right) - np.maximum(edges[:-1, None], left)
    return np.clip(overlap, 0, None) * after / before
