"""Requantization as a staircase from whole numbers to codes: its steps, and lines on both sides of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lowland.certification.rounding.linear_parts import Vector

Codes = npt.NDArray[np.int64]

_SLACK = 1e-9
"""Relative, far above what float64 loses in a line."""


class Lines(NamedTuple):
    """A line below and a line above: slope * value + offset, element by element."""

    lower_slope: Vector
    lower_offset: Vector
    upper_slope: Vector
    upper_offset: Vector


class Borders(NamedTuple):
    """Where codes end, as shifts against code - 1/2 in units of codes: what separates whole numbers in real arithmetic.

    A code c holds where c - 1/2 + lower <= ratio * value <= c + 1/2 + upper, each shift by the parity of the code whose
    border it is (``lower``: c, ``upper``: c + 1), even ones first.

    Attributes:
        lower: [2, elements].
        upper: [2, elements].
        exact: Whether no other code of the range satisfies both; else codes next to the right one may [elements].
    """

    lower: Vector
    upper: Vector
    exact: npt.NDArray[np.bool_]

    @property
    def by_parity(self) -> npt.NDArray[np.bool_]:
        """Of which elements the shifts differ between even and odd codes: ties to even are among their values."""
        differing: npt.NDArray[np.bool_] = (self.lower[0] != self.lower[1]) | (self.upper[0] != self.upper[1])
        return differing


@dataclass(frozen=True, eq=False)
class Staircase:
    """code = clamp(round(multiplier * integer / 2^shift), lowest, highest), ties to even, element by element.

    Attributes:
        multiplier: Above 0 [elements].
        shift: At least 1 [elements].
        lowest: Lowest code.
        highest: Highest code.
    """

    multiplier: Codes
    shift: Codes
    lowest: int
    highest: int

    @property
    def ratio(self) -> Vector:
        """The factor multiplier / 2^shift: exact in float64, for multipliers have at most 31 bits."""
        return np.ldexp(self.multiplier.astype(np.float64), -self.shift.astype(np.int32))

    def at(self, elements: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Staircase:
        """The staircases of some elements."""
        return Staircase(self.multiplier[elements], self.shift[elements], self.lowest, self.highest)

    def unclamped(self, values: Codes) -> Codes:
        """The rounded products, in integers as the network computes them.

        Args:
            values: [..., elements].
        """
        product = values * self.multiplier
        quotient = product >> self.shift
        remainder = product - (quotient << self.shift)
        half = np.int64(1) << (self.shift - 1)
        rounded: Codes = quotient + ((remainder > half) | ((remainder == half) & (quotient & 1 == 1)))
        return rounded

    def codes(self, values: Codes) -> Codes:
        """The codes of integers [..., elements]."""
        clamped: Codes = self.unclamped(values).clip(self.lowest, self.highest)
        return clamped

    def first_values(self, codes: Codes) -> Codes:
        """The smallest integer whose rounded product is at least a code.

        Args:
            codes: [..., elements], clamps left out of account.
        """
        # Around (code - 1/2) * 2^shift / multiplier; float64 is off by one at most below 2^53, two more are tried.
        guess = np.floor((codes - 0.5) / self.ratio).astype(np.int64) - 2
        for _ in range(5):
            guess = guess + (self.unclamped(guess) < codes)
        return guess

    def borders(self, lowest: Vector, highest: Vector, tolerance: float = 1e-6) -> Borders:
        """Borders between codes that solvers with a feasibility tolerance can tell apart, wherever there are such.

        With T(c) the first integer of code c the border of c may lie anywhere above ratio * (T(c) - 1) and up to
        ratio * T(c): one shift for all codes of a range is taken from the middle of what is common to them. Ties to
        even leave nothing in common, but for even and odd codes by themselves they do.

        Args:
            lowest: The range of the integers [elements].
            highest: Its upper end.
            tolerance: Of the solver, in units of codes.
        """
        firsts, lasts = self._ends(lowest, highest)
        shifts, exact = np.zeros((2, 2, len(firsts))), np.ones(len(firsts), dtype=bool)
        for place, (first, last) in enumerate(zip(firsts.astype(np.int64), lasts.astype(np.int64), strict=True)):
            if last > first:
                element = self.at(np.array([place]))
                codes = np.arange(first, last + 2)  # the outer borders count for codes that no clamp holds
                shifts[:, :, place], exact[place] = _shifts(element, codes, tolerance)
        return Borders(shifts[0], shifts[1], exact)

    def lines(self, lowest: Vector, highest: Vector) -> Lines:
        """A line below and one above the codes of all integers of a range.

        Where neither clamp is reached they are half a step from ratio * value; where the lower one is, the upper line
        is the chord of max(lowest, ratio * value + 1/2), which is convex; the rest by symmetry.

        Args:
            lowest: The range's lower end [elements], whole numbers.
            highest: Its upper end.
        """
        return rounding_lines(self.ratio, (lowest, highest), self._ends(lowest, highest), (self.lowest, self.highest))

    def _ends(self, lowest: Vector, highest: Vector) -> tuple[Vector, Vector]:
        first, last = (self.codes(ends.astype(np.int64)).astype(np.float64) for ends in (lowest, highest))
        return first, last


def rounding_lines(
    ratio: Vector,
    values: tuple[Vector, Vector],
    codes: tuple[Vector, Vector],
    clamps: tuple[int, int],
    slack: float = _SLACK,
) -> Lines:
    """Lines around clamp(round(ratio * value)) of real values between two ends.

    Args:
        ratio: [elements].
        values: Both ends of the values.
        codes: The codes of these ends.
        clamps: Lowest and highest code.
        slack: What the product may be off, relative to its size.
    """
    (lowest, highest), (first, last), (floor, ceiling) = values, codes, clamps
    upper_slope, upper_offset = _above(ratio, lowest, highest, float(floor), float(ceiling))
    lower_slope, lower_offset = _above(ratio, -highest, -lowest, -float(ceiling), -float(floor))
    # Where only the lower clamp is reached, the flat line is as sound; the one that leaves less between is taken.
    flat = (ratio * lowest < floor) & (ratio * (lowest + highest) <= 2 * floor) & (ratio * highest <= ceiling + 0.5)
    lower_slope, lower_offset = np.where(flat, 0.0, lower_slope), np.where(flat, first, -lower_offset)
    fixed = first == last
    error = slack * (1 + np.abs(ratio) * np.maximum(np.abs(lowest), np.abs(highest)))
    return Lines(
        np.where(fixed, 0.0, lower_slope),
        np.where(fixed, first, lower_offset - error),
        np.where(fixed, 0.0, upper_slope),
        np.where(fixed, first, upper_offset + error),
    )


def _above(ratio: Vector, lowest: Vector, highest: Vector, floor: float, ceiling: float) -> tuple[Vector, Vector]:
    """A line above min(ceiling, max(floor, ratio * value + 1/2)) between two values: slope and offset."""
    reached = np.minimum(highest, (ceiling - 0.5) / ratio)  # from here on the ceiling holds
    start, end = np.maximum(floor, ratio * lowest + 0.5), np.maximum(floor, ratio * reached + 0.5)
    width = reached - lowest
    flat = width <= 0
    slope = np.where(flat, 0.0, (end - start) / np.where(flat, 1.0, width))
    return slope, np.where(flat, ceiling, start - slope * lowest)


def _shifts(element: Staircase, codes: Codes, tolerance: float) -> tuple[Vector, bool]:
    """Shifts [lower or upper, even or odd] of the borders of one element's codes, and whether they are exact."""
    ratio = float(element.ratio[0])
    above = ratio * element.first_values(codes[:, None])[:, 0] - (codes - 0.5)  # from each border to its first integer
    even = codes % 2 == 0
    groups = [above] if even.all() or not even.any() else [above[even], above[~even]]
    for parts in ([above] * 2, groups):
        if all(part.min() - (part.max() - ratio) > 2 * tolerance for part in parts):
            middle = [(part.min() + part.max() - ratio) / 2 for part in parts]
            return np.array([[middle[0], middle[-1]]] * 2), True
    low, high = above.min() - tolerance, above.max() - ratio + tolerance
    return np.array([[low, low], [high, high]]), False
