"""Which trigger cell a point of a wafer falls into."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lowland.tasks.econ.hgcal import EDGE, RHOMBI

FIRST_PAD = (2 / 3, 1 / 3)
"""The innermost pad of a rhombus, along its two edges from the wafer's centre, in sensor cells."""
PADS = 2
"""Pads along the edge of a trigger cell."""


def trigger_cells(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.int64]:
    """The trigger cell [n] of points [n], or −1 outside the wafer.

    A point belongs to the hexagonal pad whose centre is nearest; 2 × 2 pads make a trigger cell.

    Args:
        x: Sensor cells from the wafer's centre.
        y: The same, upwards.
    """
    third = 2 * np.pi / RHOMBI
    rhombus = np.floor((np.arctan2(y, x) + np.pi / 6) / third).astype(np.int64) % RHOMBI  # the first from −30° to 90°
    turns = -third * np.arange(RHOMBI)
    cosine, sine = np.cos(turns)[rhombus], np.sin(turns)[rhombus]
    x, y = x * cosine - y * sine, x * sine + y * cosine
    along = x / np.cos(np.pi / 6)  # towards −30°
    row, column = _nearest(along - FIRST_PAD[0], y + along / 2 - FIRST_PAD[1])
    row, column = row.clip(min=0), column.clip(min=0)  # the seams between rhombi belong to the pads beside them
    inside = (row < PADS * EDGE) & (column < PADS * EDGE)
    cell = EDGE * EDGE * rhombus + EDGE * (row // PADS) + EDGE - 1 - column // PADS
    return np.where(inside, cell, -1)


def _nearest(u: NDArray[np.float64], v: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The nearest point of a lattice with unit steps 120° apart, by rounding three coordinates that sum to 0."""
    q, s = u - v, -u
    near_q, near_v, near_s = np.rint(q), np.rint(v), np.rint(s)
    off_q, off_v, off_s = np.abs(near_q - q), np.abs(near_v - v), np.abs(near_s - s)
    row = np.where((off_s > off_q) & (off_s > off_v), near_q + near_v, -near_s)
    column = np.where((off_v > off_q) & (off_v >= off_s), -near_q - near_s, near_v)
    return row.astype(np.int64), column.astype(np.int64)
