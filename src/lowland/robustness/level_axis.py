"""Levels of a disturbance as an axis to interpolate on: linear, or logarithmic where they span decades."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from lowland.errors import LowlandError

Scale = Literal["auto", "linear", "log"]
DECADES = 100.0  # highest over lowest positive level from which on levels are interpolated by their logarithms


class LevelAxis:
    """Levels by place: i + f stands for the share f of the way from level i to the next.

    Args:
        levels: At least two, none below 0, strictly rising or falling.
        scale: ``linear``, ``log`` (linear between 0 and its neighbour) or ``auto``, which chooses by the span.

    Raises:
        LowlandError: Any other scale.
    """

    def __init__(self, levels: np.ndarray, scale: Scale) -> None:
        if scale not in ("auto", "linear", "log"):
            raise LowlandError(f"scale is {scale!r}; expected auto, linear or log")
        positive = levels[levels > 0]
        self.levels = levels
        self.log = scale == "log" or (scale == "auto" and positive.max() >= DECADES * positive.min())

    def level(self, place: float) -> float:
        """The level at a place from 0 to the last."""
        index = min(int(place), len(self.levels) - 2)
        share, (low, high) = place - index, self.levels[index : index + 2].tolist()
        if self.log and low > 0 and high > 0:
            return float(low * (high / low) ** share)
        return float(low + share * (high - low))

    def slope(self, place: float) -> float:
        """How fast the level changes with the place."""
        index = min(int(place), len(self.levels) - 2)
        low, high = self.levels[index : index + 2].tolist()
        if self.log and low > 0 and high > 0:
            return self.level(place) * math.log(high / low)
        return float(high - low)

    def ends(self) -> tuple[float, float]:
        """The mildest and the worst level that there can be."""
        return (0.0, math.inf) if self.levels[0] < self.levels[-1] else (math.inf, 0.0)
