"""Areas under the curve when rows are drawn again: by source, where several rows were made from one."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lowland.errors import LowlandError

NUM_DRAWS = 400  # the standard error is then known to 1 / sqrt(800), 3.5 %
BLOCK_NUMBERS = 2**22  # weights of rows held at once


def source_numbers(source_rows: Tensor, rows: int) -> NDArray[np.int64]:
    """Numbers from 0 of the sources of rows [rows].

    Raises:
        LowlandError: Not one whole number a row.
    """
    if source_rows.shape != (rows,) or source_rows.is_floating_point():
        raise LowlandError(
            f"source_rows: got {source_rows.dtype} of shape {tuple(source_rows.shape)}; expected {rows} whole numbers"
        )
    numbers: NDArray[np.int64] = np.unique(source_rows.numpy(), return_inverse=True)[1].reshape(-1)
    return numbers


def resampled_areas(
    scores: NDArray[np.float64], marked: NDArray[np.bool_], sources: NDArray[np.int64], generator: torch.Generator
) -> NDArray[np.float64]:
    """Areas under the curve of sources drawn with replacement, each with all of its rows.

    Args:
        scores: [detectors, rows].
        marked: [rows].
        sources: Numbers from 0 [rows].
        generator: Draws the sources, for all detectors alike.

    Returns:
        [detectors, draws]; NaN in a draw without a row of either kind.
    """
    count, rows = int(sources.max()) + 1, len(sources)
    ordered = []
    for each in scores:
        order = np.argsort(each, kind="stable")
        ordered.append((order, np.flatnonzero(np.diff(each[order], prepend=-np.inf))))
    block = max(1, BLOCK_NUMBERS // rows)
    found = []
    for first in range(0, NUM_DRAWS, block):
        draws = min(block, NUM_DRAWS - first)
        drawn = torch.randint(count, (draws, count), generator=generator)
        times = torch.zeros(draws, count).scatter_add_(1, drawn, torch.ones(draws, count))
        weights = times.double().numpy()[:, sources]
        found.append([_weighted_areas(weights[:, order], marked[order], ties) for order, ties in ordered])
    return np.concatenate(found, axis=1)


def _weighted_areas(
    weights: NDArray[np.float64], marked: NDArray[np.bool_], starts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Areas [draws] of rows in the order of their scores, with weights [draws, rows]; ties begin at ``starts``."""
    positives = np.add.reduceat(weights * marked, starts, axis=1)
    negatives = np.add.reduceat(weights * ~marked, starts, axis=1)
    below = negatives.cumsum(axis=1) - negatives / 2  # of equal scores half
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    return (positives * below).sum(axis=1) / np.where(pairs > 0, pairs, np.nan)
