"""Mean and spread of numbers in any unit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LARGEST = 1e300
"""Numbers beyond this, and spreads below its inverse, leave float64 no room to compute with."""


ROOM = 1e100
"""Between this and its inverse nothing that is squared or summed gets lost."""


def mean_and_spread(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation over the rows, right wherever float64 holds the numbers themselves.

    Squares of numbers of 1e-170 are zero and those of 1e170 infinite: such columns are scaled by a power of two first,
    which changes no digit.

    Args:
        values: [n] or [n, columns], finite.
    """
    largest = np.abs(values).max(axis=0)
    exponent = np.where((largest > ROOM) | (largest < 1 / ROOM), np.frexp(largest)[1], 0)
    scaled = np.ldexp(values, -exponent)
    return np.ldexp(scaled.mean(axis=0), exponent), np.ldexp(scaled.std(axis=0), exponent)
