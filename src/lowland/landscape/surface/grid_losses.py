"""Losses on a grid of points: from all rows, or from drawn rows that are calibrated by a few points with all."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.estimate import Status
from lowland.landscape.surface.points import PointLosses
from lowland.landscape.surface.row_sampling import CalibratedRows
from lowland.randomness import generator as keyed_generator

ANCHORS = 5  # points along each axis where all rows are computed, if rows are sampled elsewhere
ROWS_PER_ANCHOR = 20  # fewer sampled rows to each anchor, and its coefficient would cost more than it explains
STARTING_ROWS = 512  # with a wanted error: ROWS_PER_ANCHOR for each of ANCHORS squared


def grid_losses(
    points: PointLosses,
    axes: list[Tensor],
    rows_per_point: int | None,
    relative_error: float | None,
    generator: torch.Generator | None,
) -> tuple[Tensor, Tensor, Tensor, Status]:
    """Losses, standard errors, rows and status at all points of a grid.

    Args:
        points: The line or plane.
        axes: Coordinates along each direction.
        rows_per_point: Rows drawn; all without it and without ``relative_error``.
        relative_error: Wanted standard error as a share of the loss.
        generator: Of the drawn rows.

    Returns:
        Three tensors in the axes' shape, and ``non_finite`` where a loss is not finite, else ``ok``.

    Raises:
        LowlandError: ``rows_per_point`` or ``relative_error`` out of range.
    """
    least = 2 * ROWS_PER_ANCHOR
    if rows_per_point is not None and rows_per_point < least:
        raise LowlandError(f"rows_per_point: got {rows_per_point}; expected at least {least}, or None for all rows")
    if relative_error is not None and not relative_error > 0:
        raise LowlandError(f"relative_error: got {relative_error}; expected a share of the loss above 0, or None")
    shape = [len(axis) for axis in axes]
    grid = torch.cartesian_prod(*axes).view(-1, len(axes))
    drawn = rows_per_point or (STARTING_ROWS if relative_error is not None else points.num_rows)
    if drawn >= points.num_rows:
        losses = points.means(grid)
        errors, rows = torch.zeros_like(losses), torch.full((len(grid),), points.num_rows)
    else:
        draws = generator or keyed_generator("loss_surface")
        losses, errors, rows = _sampled(points, grid, shape, drawn, relative_error, draws)
    status: Status = "ok" if bool(losses.isfinite().all()) else "non_finite"
    return losses.view(shape), errors.view(shape), rows.view(shape), status


def _sampled(
    points: PointLosses,
    grid: Tensor,
    shape: list[int],
    drawn: int,
    relative_error: float | None,
    draws: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Losses, standard errors and rows from drawn rows, calibrated by the anchors."""
    total = points.num_rows
    anchors = _anchors(shape, drawn)
    known = points.of_rows(grid[anchors]).double().T
    order = torch.randperm(total, generator=draws)
    losses = torch.zeros(len(grid), dtype=torch.float64)
    errors = torch.zeros_like(losses)
    rows = torch.full((len(grid),), total)
    losses[anchors] = known.mean(0)
    helpful = known[:, known.isfinite().all(0)]
    left = torch.ones(len(grid), dtype=torch.bool)
    left[anchors] = False
    values = torch.empty(len(grid), 0, dtype=torch.float64)
    while left.any() and drawn < total:
        fresh = order[values.shape[1] : drawn].sort().values
        order[values.shape[1] : drawn] = fresh
        computed = torch.full((len(grid), len(fresh)), torch.nan, dtype=torch.float64)
        computed[left] = points.of_rows(grid[left], fresh).double()
        values = torch.cat([values, computed], 1)
        losses[left], errors[left] = CalibratedRows(helpful, order[:drawn]).mean(values[left])
        rows[left] = drawn
        if relative_error is None:
            return losses, errors, rows
        left &= losses.isfinite() & ~(errors <= relative_error * losses.abs())
        drawn *= 2
    if left.any():
        losses[left] = points.means(grid[left])
        errors[left], rows[left] = 0.0, total
    return losses, errors, rows


def _anchors(shape: list[int], drawn: int) -> Tensor:
    """Indices of evenly spread points of the grid, its corners among them; its middle if there is one only."""
    along = min(ANCHORS, math.floor((drawn / ROWS_PER_ANCHOR) ** (1 / len(shape))))
    axes = [
        torch.linspace(0, size - 1, min(along, size)).round().long() if along > 1 else torch.tensor([size // 2])
        for size in shape
    ]
    indices = torch.zeros(1, dtype=torch.int64)
    for size, axis in zip(shape, axes, strict=True):
        indices = (indices[:, None] * size + axis).flatten()
    return indices
