"""Rounding and clamping as rows of a programme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lowland.certification.programme import FEASIBILITY, Places, Programme
from lowland.certification.rounding.linear_parts import Vector
from lowland.certification.rounding.staircase import Staircase
from lowland.certification.rounding.symbolic import Box


class Variables(NamedTuple):
    """The variables of a result, one an element: each value is unit * variable.

    Units keep ranges small, as a solver's tolerances count by variable; those of whole numbers are 1.
    """

    places: Places
    unit: Vector

    def at(self, elements: NDArray[np.intp]) -> Variables:
        """Those of some elements."""
        return Variables(self.places[elements], self.unit[elements])


def whole_variables(programme: Programme, box: Box) -> Variables:
    """Whole numbers in a box."""
    return Variables(programme.add_variables(*box, integer=True), np.ones(len(box.lower)))


def real_variables(programme: Programme, box: Box) -> Variables:
    """Numbers in a box, in units of its width."""
    unit = np.where(box.width > 0, box.width, 1.0)
    return Variables(programme.add_variables(box.lower / unit, box.upper / unit), unit)


@dataclass(frozen=True, eq=False)
class Rounding:
    """code + below <= ratio * value <= code + above, but for codes that a clamp holds.

    Attributes:
        ratio: [elements].
        below: For even and for odd codes [2, elements].
        above: Likewise.
        held: Of which elements the lower clamp can hold the code, and of which the upper one.
        values: Both ends of the values.
        codes: Both ends of the codes.
        clamps: Lowest and highest code.
    """

    ratio: Vector
    below: Vector
    above: Vector
    held: tuple[NDArray[np.bool_], NDArray[np.bool_]]
    values: Box
    codes: Box
    clamps: tuple[int, int]

    @classmethod
    def of(cls, stairs: Staircase, values: Box, codes: Box, *, whole: bool) -> Rounding:
        """A staircase over a range of its integers.

        Args:
            stairs: The staircase.
            values: The range.
            codes: What it is rounded to.
            whole: Whether codes are whole numbers, so that borders between them can be told apart.
        """
        low, high = (stairs.unclamped(end.astype(np.int64)) for end in values)
        if whole:
            borders = stairs.borders(*values)
            below, above = -0.5 + borders.lower, 0.5 + borders.upper[::-1]  # an upper border is that of the next code
        else:
            slack = FEASIBILITY * (1 + np.maximum(np.abs(codes.lower), np.abs(codes.upper)))
            below, above = np.stack([-0.5 - slack] * 2), np.stack([0.5 + slack] * 2)
        held = (low < stairs.lowest, high > stairs.highest)
        return cls(stairs.ratio, below, above, held, values, codes, (stairs.lowest, stairs.highest))

    @property
    def by_parity(self) -> NDArray[np.bool_]:
        """Of which elements the borders of even and odd codes differ."""
        differing: NDArray[np.bool_] = (self.below[0] != self.below[1]) | (self.above[0] != self.above[1])
        return differing


def put_rounding(programme: Programme, given: Variables, own: Variables, rounding: Rounding) -> None:
    """The rows of a rounding; of a code that cannot move there are none.

    Args:
        programme: Gets the rows, and variables for parities and clamps.
        given: What is rounded.
        own: The codes.
        rounding: How.
    """
    odd = _parities(programme, own.places, rounding)
    ratio = rounding.ratio
    for sign, shift, held, end, far, other in (
        (1.0, rounding.below, rounding.held[0], rounding.clamps[0], rounding.values.lower, rounding.codes.upper),
        (-1.0, rounding.above, rounding.held[1], rounding.clamps[1], rounding.values.upper, rounding.codes.lower),
    ):
        switches = _switches(programme, held)
        # With the code at its clamp the border may be missed by so much.
        room = np.maximum(0.0, sign * end + (sign * shift).max(0) - sign * ratio * far)
        terms = (given.places, sign * ratio * given.unit), (own.places, -sign * own.unit)
        for by_parity in (False, True):
            for clamped in (False, True):
                chosen = ((odd >= 0) == by_parity) & ((switches >= 0) == clamped)
                if chosen.any():
                    row = [(places[chosen], factors[chosen]) for places, factors in terms]
                    row += [(odd[chosen], sign * (shift[0] - shift[1])[chosen])] * by_parity
                    row += [(switches[chosen], room[chosen])] * clamped
                    programme.add_rows(row, sign * shift[0, chosen], None)
        _put_held(programme, own, switches, end, other)


def _parities(programme: Programme, own: Places, rounding: Rounding) -> Places:
    """Variables that are 1 for odd codes, -1 in place of one where it makes no difference: code = 2 * half + odd."""
    odd, places = np.full(len(own), -1), np.flatnonzero(rounding.by_parity)
    count = len(places)
    if count:
        halves = programme.add_variables(*(np.floor(end[places] / 2) for end in rounding.codes), integer=True)
        odd[places] = programme.add_variables(np.zeros(count), np.ones(count), integer=True)
        one = np.ones(count)
        programme.add_rows([(own[places], one), (halves, -2 * one), (odd[places], -one)], 0 * one, 0 * one)
    return odd


def _switches(programme: Programme, wanted: NDArray[np.bool_]) -> Places:
    """Variables that are 1 where a clamp holds the code, -1 in place of one where it never does."""
    switches, count = np.full(len(wanted), -1), int(wanted.sum())
    if count:
        switches[wanted] = programme.add_variables(np.zeros(count), np.ones(count), integer=True)
    return switches


def _put_held(programme: Programme, own: Variables, switches: Places, end: int, other: Vector) -> None:
    """Codes that a clamp holds are its end: |code - end| <= |other - end| * (1 - held)."""
    chosen = switches >= 0
    if chosen.any():
        sign, reach = np.sign(other - end)[chosen], np.abs(other - end)[chosen]
        codes = (own.places[chosen], sign * own.unit[chosen])
        programme.add_rows([codes, (switches[chosen], reach)], None, sign * end + reach)
