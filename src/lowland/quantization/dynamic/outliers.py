"""Activations parted in two: the few largest, which are coded apart, and the others, whose range is then smaller."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lowland.errors import LowlandError


def outliers_of(size: int, share: float) -> int:
    """How many of so many values are coded apart: the share of them, rounded up.

    Args:
        size: Values that have one range.
        share: At least 0 and below 1.

    Raises:
        LowlandError: Another share.
    """
    if not 0 <= share < 1:
        raise LowlandError(f"outlier share is {share}; expected a number from 0, included, to 1, excluded")
    return math.ceil(share * size)


def parted(values: Tensor, share: float, *, row_dims: int) -> tuple[Tensor, Tensor]:
    """Values without the largest magnitudes of every row, and these alone; both hold 0 where the other has the value.

    Their sum is the values, bit for bit. Of equal magnitudes at the border it takes those that come first in memory.

    Args:
        values: Floats [..., a row of ``row_dims`` dimensions].
        share: Of the values of a row, rounded up; 0 parts nothing.
        row_dims: Dimensions of a row; all dimensions where one range serves the whole batch.

    Raises:
        LowlandError: A share out of range.

    Source:
        Dettmers et al. 2022, arXiv:2208.07339, which keeps whole input features apart; here it is single values, so
        that a row needs nothing that other rows show.
    """
    rows = values.flatten(-row_dims) if row_dims > 1 else values
    count = outliers_of(rows.shape[-1], share)
    if not count:
        return values, torch.zeros_like(values)
    largest = rows.abs().sort(dim=-1, descending=True, stable=True).indices[..., :count]
    apart = torch.zeros_like(rows, dtype=torch.bool).scatter_(-1, largest, True).reshape(values.shape)
    nothing = torch.zeros((), dtype=values.dtype)
    return torch.where(apart, nothing, values), torch.where(apart, values, nothing)
