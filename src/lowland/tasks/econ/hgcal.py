"""Where the trigger cells of a sensor of CMS' endcap calorimeter lie, and how a wafer is laid out as an image.

A wafer has 48 trigger cells of 2 × 2 sensor cells: three rhombi of 4 × 4 around its centre, each the one before turned
by 120°. Cells are numbered as in the published charges ``CALQ_0`` ... ``CALQ_47``; lengths are in sensor cells, so that
neighbouring trigger cells of one rhombus are 2 apart.

Source: Di Guglielmo et al. 2021, arXiv 2105.01683 (ECON-T autoencoder); Baldi et al. 2025, arXiv 2502.08355.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CELLS = 48
SIDE = 8
"""Pixels along an edge of the image."""
RHOMBI = 3
EDGE = 4
"""Trigger cells along an edge of a rhombus."""

TRIGGER_CELL = 2.0
"""Distance of neighbouring trigger cells of a rhombus, in sensor cells."""
COUNTS_PER_MIP = 35
"""Charge of a transverse minimum-ionising particle."""

_CENTRE = np.array([-7 * np.sqrt(3) / 12, -25 / 4])
"""Of the wafer, seen from cell 0."""


def cell_coordinates() -> NDArray[np.float64]:
    """Places [48, 2] of the trigger cells in sensor cells, from the wafer's centre.

    The first rhombus steps by 2 along directions 60° apart; the second and third are it, turned by 120° and 240°.
    """
    down_right, down = TRIGGER_CELL * np.array([[np.sqrt(3) / 2, -0.5], [0.0, -1.0]])
    row, column = np.divmod(np.arange(EDGE * EDGE), EDGE)
    first = row[:, None] * down_right + column[:, None] * down - _CENTRE
    turns = np.arange(RHOMBI) * 2 * np.pi / RHOMBI
    return np.concatenate(
        [first @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) for a in turns],
    )


def cell_distances() -> NDArray[np.float64]:
    """Euclidean distances [48, 48] of the trigger cells in sensor cells."""
    places = cell_coordinates()
    return np.linalg.norm(places[:, None] - places[None], axis=-1)


def _image_cells() -> NDArray[np.int64]:
    """The cell [8, 8] that each pixel shows; the lower right quarter repeats the third rhombus, turned."""
    i, j = np.divmod(np.arange(EDGE * EDGE).reshape(EDGE, EDGE), EDGE)
    last, rhombus = EDGE - 1, EDGE * EDGE
    first, second = EDGE * j + i, rhombus + EDGE * (last - i) + j
    third, again = 2 * rhombus + EDGE * (last - j) + last - i, 2 * rhombus + EDGE * i + last - j
    return np.block([[second, first], [third, again]])


CELL_OF_PIXEL = _image_cells().ravel()
"""[64], row by row: which cell a pixel shows, or would show if it were valid."""

VALID_PIXEL = np.add.outer(np.arange(SIDE) < EDGE, np.arange(SIDE) < EDGE).ravel()
"""[64]: false in the lower right quarter, whose pixels repeat cells and are zero."""

PIXEL_OF_CELL = np.argsort(np.where(VALID_PIXEL, CELL_OF_PIXEL, CELLS), kind="stable")[:CELLS]
"""[48]: where the image shows a cell."""


def images(charges: NDArray[np.float32]) -> NDArray[np.float32]:
    """Wafers [n, 48] as images [n, 1, 8, 8]; pixels that would repeat a cell are zero."""
    pixels = charges[:, CELL_OF_PIXEL] * VALID_PIXEL.astype(charges.dtype)
    return pixels.reshape(-1, 1, SIDE, SIDE)


def supercells() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The 36 overlapping squares of 2 × 2 neighbouring cells [36, 4] and their weights [36].

    They are the windows of the image, the repeated quarter shown, that lie in a rhombus or across the seam of two: all
    that start in the upper half but for the middle one (it shows a cell twice), and those of the third rhombus. A cell
    counts in a weight by a quarter of 1 / (number of squares it is in), so that cells at the rim are not underestimated
    about than those within; the published weights count the cells that are in three squares by 1/3 + 1/4.
    """
    shown = CELL_OF_PIXEL.reshape(SIDE, SIDE)
    corners = [(i, j) for i in range(EDGE) for j in range(SIDE - 1) if (i, j) != (EDGE - 1, EDGE - 1)]
    corners += [(i, j) for i in range(EDGE, SIDE - 1) for j in range(EDGE - 1)]
    squares = np.array([shown[i : i + 2, j : j + 2].ravel() for i, j in corners])
    times = np.bincount(squares.ravel(), minlength=CELLS)
    shares = 1 / times + np.where(times == 3, 1 / 4, 0)
    return squares, shares[squares].sum(1) / 4
