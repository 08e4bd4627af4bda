"""Earth mover's distance of charges on the same cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lowland.errors import LowlandError

PIVOTS = 100_000
"""Steps after which the network simplex gives up; 48 cells take some dozens."""
OPTIMAL = 1
ROUNDING = 1e-12
"""Share of the charge that counts as none: what scaling to sum 1 leaves of equal rows."""


def earth_movers_distances(
    true: NDArray[np.float64], predicted: NDArray[np.float64], distances: NDArray[np.float64]
) -> NDArray[np.float64]:
    r"""Least work to turn the predicted charges of every row into the true ones, both scaled to sum 1.

    .. math:: \min_{f \ge 0} \sum_{ij} f_{ij} D_{ij}, \quad \sum_j f_{ij} = t_i, \; \sum_i f_{ij} = p_j

    exact, by network simplex. Because D is a metric, what both have in a cell stays there (Kantorovich and Rubinstein):
    only the surplus is moved, which leaves smaller problems. Equal rows are solved once.

    Args:
        true: [n, cells], of at least 0, each row with a positive sum.
        predicted: [n, cells]. Negative charges count as none; a row without any charge, or with a number that is none,
            gets the largest distance there is to its true charges: all charge in the cell farthest from them.
        distances: [cells, cells], a metric.

    Returns:
        [n], in the unit of the distances.

    Raises:
        LowlandError: A true row without charge, or (never seen) a problem that the solver does not finish.

    Source: Rubner et al. 2000; solver of POT (Flamary et al. 2021, Bonneel et al. 2011).
    """
    totals: NDArray[np.float64] = true.sum(1, keepdims=True)
    if totals.min(initial=np.inf) <= 0:
        raise LowlandError(f"true charges: row {int(np.argmin(totals))} has none; expected a positive sum in every row")
    true = true / totals
    usable = np.asarray(np.isfinite(predicted).all(axis=1))
    charges = np.where(usable[:, None], predicted, 0).clip(min=0)
    largest = charges.max(1, keepdims=True)
    usable &= largest[:, 0] > 0
    charges = charges / np.where(largest > 0, largest, 1)  # first, or the sum of huge charges overflows
    found = (true @ distances).max(1)
    surplus, which = np.unique(
        (true - charges / charges.sum(1, keepdims=True).clip(min=1))[usable], axis=0, return_inverse=True
    )
    metric = np.ascontiguousarray(distances, dtype=np.float64)
    found[usable] = np.array([_work(row, metric) for row in surplus])[which.reshape(-1)]
    return found


def _work(surplus: NDArray[np.float64], distances: NDArray[np.float64]) -> float:
    """Work to move the surplus of one row from where it is positive to where it is negative."""
    # Here and not above: only this task needs POT. Its wrapper takes ten times as long as the solver it calls.
    from ot.lp.emd_wrap import emd_c

    sources, sinks = surplus.clip(min=0), (-surplus).clip(min=0)
    mass = sources.sum()
    if min(mass, sinks.sum()) < ROUNDING:
        return 0.0
    _, work, _, _, code = emd_c(sources, sinks * (mass / sinks.sum()), distances, PIVOTS, 1)
    if code != OPTIMAL:
        raise LowlandError(
            f"the solver of POT ended with code {code}; expected {OPTIMAL}: use the version that is pinned"
        )
    return float(work)
