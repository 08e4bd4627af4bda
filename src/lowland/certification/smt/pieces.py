"""Activations of linear pieces, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from torch import nn

from lowland.certification.real_network import Operation, Rounding
from lowland.errors import LowlandError


@dataclass(frozen=True, slots=True)
class Piece:
    """One linear piece of a function: slope times input plus offset.

    Attributes:
        end: Where the next one begins; ``None`` for the last.
        slope: Of the piece.
        offset: Its value at 0.
    """

    end: Fraction | None
    slope: Fraction
    offset: Fraction

    def value(self, at: Fraction) -> Fraction:
        """Of the piece, continued everywhere."""
        return self.slope * at + self.offset


Pieces = tuple[Piece, ...]
"""A continuous function of one number, from left to right."""


def value_of(pieces: Pieces, at: Fraction) -> Fraction:
    """The function's value.

    Args:
        pieces: The function.
        at: Its input.
    """
    return next(piece for piece in pieces if piece.end is None or at <= piece.end).value(at)


def range_of(pieces: Pieces, low: Fraction, high: Fraction) -> tuple[Fraction, Fraction]:
    """The lowest and highest value on an interval.

    Args:
        pieces: The function.
        low: Where the interval begins.
        high: Where it ends.
    """
    bends = [piece.end for piece in pieces if piece.end is not None and low < piece.end < high]
    values = [value_of(pieces, at) for at in (low, *bends, high)]
    return min(values), max(values)


def meeting(pieces: Pieces, low: Fraction | None, high: Fraction | None) -> Pieces:
    """The pieces that an interval meets: the function is the same on it.

    Args:
        pieces: The function.
        low: Where the interval begins; ``None``: nowhere.
        high: Where it ends; ``None``: nowhere.
    """
    first = 0 if low is None else sum(piece.end is not None and piece.end <= low for piece in pieces)
    last = len(pieces) - 1
    if high is not None:
        last = next(index for index, piece in enumerate(pieces) if piece.end is None or high <= piece.end)
    kept = pieces[min(first, last) : last + 1]
    return (*kept[:-1], Piece(None, kept[-1].slope, kept[-1].offset))


def pieces_of(operation: Operation) -> Pieces:
    """The function that an activation, or the clamp of a quantizer, applies to every number.

    Args:
        operation: Of kind ``activation`` or ``rounding``.

    Raises:
        LowlandError: A smooth function.
    """
    layer, zero, one = operation.layer, Fraction(0), Fraction(1)
    if isinstance(layer, nn.ReLU | nn.LeakyReLU):
        slope = Fraction(getattr(layer, "negative_slope", 0.0))
        return Piece(zero, slope, zero), Piece(None, one, zero)
    if isinstance(layer, nn.Hardtanh):  # ReLU6 is one
        low, high = Fraction(layer.min_val), Fraction(layer.max_val)
    elif isinstance(layer, Rounding):
        low, high = Fraction(layer.lowest), Fraction(layer.highest)
    else:
        raise LowlandError(
            f"{operation.name} is {type(layer).__name__}, which has no linear pieces; expected ReLU, LeakyReLU, "
            "Hardtanh or ReLU6: SMT solvers answer for these, relaxations bound the others"
        )
    return Piece(low, zero, low), Piece(high, one, zero), Piece(None, zero, high)
