"""The telescope loss of the ECON-T autoencoder: a wafer's charges compared cell by cell, in squares and in rhombi."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from lowland.tasks.econ.hgcal import CELLS, EDGE, RHOMBI, supercells

LEVELS = (4.0, 2.0, 1.0)
"""Weights of single cells, of squares of 2 × 2 and of rhombi of 4 × 4."""


def telescope_losses(predicted: Tensor, true: Tensor) -> Tensor:
    r"""Loss of every row [n].

    .. math:: 4 \langle d(t, p) \rangle_{48} + 2 \langle w\,d(t, p) \rangle_{36} + \langle d(t, p) \rangle_3, \quad
        d(t, p) = (t - p)^2 \max(t, p)

    with means over the charges t and p of 48 cells, 36 overlapping squares weighted by w, and 3 rhombi. Differentiable
    twice where t, p ≥ 0.

    Args:
        predicted: Charges [n, 48] of the trigger cells, in the units of the true ones.
        true: [n, 48], of at least 0.

    Source: Di Guglielmo et al. 2021, arXiv 2105.01683; supercells as published with arXiv 2502.08355.
    """
    sums, weights = _groups(true.dtype, true.device)
    groups = true @ sums
    off = predicted @ sums - groups
    return (off.square() * (groups + off.relu())) @ weights  # max(t, p) = t + relu(p - t)


@lru_cache(maxsize=8)
def _groups(dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Sums [48, 87] over all groups of cells, and the groups' weights [87]."""
    squares, square_weights = supercells()
    within = np.zeros((len(squares), CELLS))
    within[np.arange(len(squares))[:, None], squares] = 1
    rhombi = np.repeat(np.eye(RHOMBI), EDGE * EDGE, axis=1)
    cell, square, rhombus = LEVELS
    weights = np.concatenate(
        [
            np.full(CELLS, cell / CELLS),
            square * square_weights / len(squares),
            np.full(RHOMBI, rhombus / RHOMBI),
        ]
    )
    sums = np.concatenate([np.eye(CELLS), within, rhombi]).T
    return torch.tensor(sums, dtype=dtype, device=device), torch.tensor(weights, dtype=dtype, device=device)
