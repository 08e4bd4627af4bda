"""Intervals of float64 numbers, and how far float64 may be off."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

ROUNDOFF = 2.0**-53
"""Unit roundoff of float64."""
SMALLEST = 1e-290
"""Above what products lose by underflow."""


def roundoff(terms: int) -> float:
    """A bound on the relative error of a sum of so many products in float64, in any order, and of a few steps around.

    n terms err by at most n u / (1 - n u) of the sum of their sizes (Higham 2002, section 3.1); 16 stand for the steps
    around the sum, the factor 2 for the denominator and for applying a bound in float64 itself.
    """
    return 2 * (terms + 16) * ROUNDOFF


def below(values: Tensor) -> Tensor:
    """The next float64 below each: what a single sum that was rounded is certainly not below of."""
    lower = torch.nextafter(values.detach(), torch.full_like(values, -torch.inf))
    return values + (lower - values.detach())  # both exact; gradients pass


@dataclass(frozen=True, eq=False)
class Interval:
    """Values between two ends, element by element.

    Attributes:
        lower: [rows, ...] in float64.
        upper: Likewise.
    """

    lower: Tensor
    upper: Tensor

    @property
    def size(self) -> Tensor:
        """The largest absolute value [rows, ...]."""
        return torch.maximum(self.lower.abs(), self.upper.abs())

    @property
    def is_nonnegative(self) -> bool:
        """Whether no value can be below 0."""
        return bool((self.lower >= 0).all())

    def __and__(self, other: Interval) -> Interval:
        """What lies in both."""
        return Interval(torch.maximum(self.lower, other.lower), torch.minimum(self.upper, other.upper))

    def __getitem__(self, rows: slice | Tensor) -> Interval:
        return Interval(self.lower[rows], self.upper[rows])

    def widened(self, by: Tensor | float) -> Interval:
        """Both ends further out by so much."""
        return Interval(self.lower - by, self.upper + by)
