"""Chances of several tests, adjusted so that all of them together are wrong as seldom as one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def holm(chances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjusted p values: those below a level reject at this level for all tests together, however they depend.

    Args:
        chances: p values of the tests [tests]; NaN where there is none, which counts as no test.

    Returns:
        [tests], at most 1, NaN where there was none.

    Source:
        Holm 1979, Scandinavian Journal of Statistics 6, 65.
    """
    known = np.flatnonzero(np.isfinite(chances))
    order = known[np.argsort(chances[known], kind="stable")]
    adjusted = np.full(len(chances), np.nan)
    if len(order):
        adjusted[order] = np.minimum(1.0, np.maximum.accumulate(chances[order] * np.arange(len(order), 0, -1)))
    return adjusted
