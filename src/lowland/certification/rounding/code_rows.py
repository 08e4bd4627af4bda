"""An integer network as rows of a programme: its codes as whole-number variables, exact or enclosed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from lowland.certification.programme import Places, Programme
from lowland.certification.rounding.integer_graph import IntegerGraph, Looked, Rounded, Sum
from lowland.certification.rounding.linear_parts import Vector
from lowland.certification.rounding.staircase import Staircase
from lowland.certification.rounding.symbolic import Box, Symbolic


def put_network(programme: Programme, graph: IntegerGraph, bounds: Symbolic) -> dict[str, Places]:
    """The variables of every step, with the rows that tie them to those before.

    Sums equal their parts. Codes are whole numbers: those of a solution are what the network's own arithmetic gives
    wherever ``Staircase.borders`` is exact, and what it gives is a solution everywhere.

    Args:
        programme: Gets the variables and rows.
        graph: The network.
        bounds: From ``code_bounds``, over the inputs that are asked about.

    Returns:
        The variables of a step's integers by its name, the quantizer of the inputs included.
    """
    columns = {graph.sensor.name: programme.add_variables(*bounds.boxes[graph.sensor.name], integer=True)}
    for name, node in graph.nodes.items():
        box = bounds.boxes[name]
        columns[name] = own = programme.add_variables(*box, integer=not isinstance(node, Sum))
        if isinstance(node, Sum):
            put_sum(programme, own, node.parts, node.offset, columns)
        elif isinstance(node, Rounded):
            _put_rounded(programme, node.staircase, (columns[node.source], own), (bounds.boxes[node.source], box))
        else:
            _put_looked(programme, node, (columns[node.source], own), (bounds.boxes[node.source], box))
    return columns


def put_sum(
    programme: Programme, own: Places, parts: Mapping[str, csr_array], offset: Vector, columns: Mapping[str, Places]
) -> None:
    """Rows that make variables a linear function of others."""
    terms = [(columns[source], matrix.toarray()) for source, matrix in parts.items()]
    programme.add_matrix(own, terms, offset, offset)


def _put_rounded(
    programme: Programme, staircase: Staircase, variables: tuple[Places, Places], boxes: tuple[Box, Box]
) -> None:
    """Codes within half a step of the scaled integers, but for those that a clamp holds."""
    moving = np.flatnonzero(boxes[1].width > 0)
    if not len(moving):
        return
    stairs = staircase.at(moving)
    source, codes = (Box(*(end[moving] for end in box)) for box in boxes)
    given, own = (columns[moving] for columns in variables)
    borders = stairs.borders(*source)
    below, above = -0.5 + borders.lower, 0.5 + borders.upper[::-1]  # the upper border is that of the code that follows
    odd = _parities(programme, own, codes, borders.by_parity)
    ends = [end.astype(np.int64) for end in source]
    held = _switches(programme, stairs.unclamped(ends[0]) < stairs.lowest)
    room = stairs.lowest + below.max(0) - stairs.ratio * source.lower
    _put_border(programme, (given, own, odd, held), (stairs.ratio, below, room), 1.0)
    _put_held(programme, own, held, stairs.lowest, codes.upper)
    held = _switches(programme, stairs.unclamped(ends[1]) > stairs.highest)
    room = stairs.ratio * source.upper - stairs.highest - above.min(0)
    _put_border(programme, (given, own, odd, held), (stairs.ratio, above, room), -1.0)
    _put_held(programme, own, held, stairs.highest, codes.lower)


def _parities(programme: Programme, own: Places, codes: Box, wanted: NDArray[np.bool_]) -> Places:
    """Variables that are 1 for odd codes, -1 in place of one where they are not wanted: code = 2 * half + odd."""
    odd, places = np.full(len(own), -1), np.flatnonzero(wanted)
    count = len(places)
    if count:
        halves = programme.add_variables(*(np.floor(end[places] / 2) for end in codes), integer=True)
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


def _put_border(
    programme: Programme,
    variables: tuple[Places, Places, Places, Places],
    numbers: tuple[Vector, Vector, Vector],
    sign: float,
) -> None:
    """Rows sign * (ratio * value - code - shift) >= -room * held, the shift by the code's parity.

    Args:
        programme: Gets the rows.
        variables: Of values, codes, parities and clamps.
        numbers: Ratios, shifts [2, elements] and rooms.
        sign: 1 for lower borders, -1 for upper ones.
    """
    given, own, odd, held = variables
    ratio, shift, room = numbers
    for by_parity in (False, True):
        for clamped in (False, True):
            chosen = ((odd >= 0) == by_parity) & ((held >= 0) == clamped)
            if not chosen.any():
                continue
            terms = [(given[chosen], sign * ratio[chosen]), (own[chosen], np.full(int(chosen.sum()), -sign))]
            if by_parity:
                terms.append((odd[chosen], sign * (shift[0] - shift[1])[chosen]))
            if clamped:
                terms.append((held[chosen], room[chosen]))
            programme.add_rows(terms, sign * shift[0, chosen], None)


def _put_held(programme: Programme, own: Places, held: Places, end: int, other: Vector) -> None:
    """Codes that a clamp holds are its end: |code - end| <= |other - end| * (1 - held)."""
    chosen = held >= 0
    if chosen.any():
        sign = np.sign(other - end)[chosen]
        reach = np.abs(other - end)[chosen]
        programme.add_rows([(own[chosen], sign), (held[chosen], reach)], None, sign * end + reach)


def _put_looked(programme: Programme, node: Looked, variables: tuple[Places, Places], boxes: tuple[Box, Box]) -> None:
    """Entries by runs of codes with the same one, each with a variable that is 1 for its codes."""
    given, own = variables
    for place in np.flatnonzero(boxes[1].width > 0):
        codes = np.arange(int(boxes[0].lower[place]), int(boxes[0].upper[place]) + 1)
        entries = node.codes(codes)
        begins = np.flatnonzero(np.diff(entries, prepend=entries[0] - 1))
        last = np.append(begins[1:], len(codes)) - 1
        runs = programme.add_variables(np.zeros(len(begins)), np.ones(len(begins)), integer=True)
        zero, one = np.zeros(1), np.ones(1)
        programme.add_matrix(runs[:1], [(runs[1:], -np.ones((1, len(runs) - 1)))], one, one)
        programme.add_matrix(own[[place]], [(runs, entries[begins][None].astype(np.float64))], zero, zero)
        programme.add_matrix(given[[place]], [(runs, codes[begins][None].astype(np.float64))], zero, None)
        programme.add_matrix(given[[place]], [(runs, codes[last][None].astype(np.float64))], None, zero)
