"""An integer network as rows of a programme: its codes as whole numbers, exact or enclosed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.sparse import csr_array

from lowland.certification.programme import Programme
from lowland.certification.rounding.integer_graph import IntegerGraph, Looked, Rounded, Sum
from lowland.certification.rounding.linear_parts import Vector
from lowland.certification.rounding.rounding_rows import (
    Rounding,
    Variables,
    put_rounding,
    real_variables,
    whole_variables,
)
from lowland.certification.rounding.symbolic import Box, Symbolic

MOST_CODES = 2**11
"""Codes of wider ranges are any numbers within half a step: as whole numbers a solver could not tell them apart."""


def put_network(
    programme: Programme, graph: IntegerGraph, bounds: Symbolic, given: Variables | None = None
) -> dict[str, Variables]:
    """The variables of every step, with the rows that tie them to those before.

    Sums equal their parts. Codes are whole numbers: those of a solution are what the network's own arithmetic gives
    wherever ``Staircase.borders`` is exact, and what it gives is a solution everywhere.

    Args:
        programme: Gets the variables and rows.
        graph: The network.
        bounds: From ``code_bounds``, over the inputs that are asked about.
        given: The variables of the input codes where there are some already.

    Returns:
        By step name, the quantizer of the inputs included.
    """
    variables = {graph.sensor.name: given or whole_variables(programme, bounds.boxes[graph.sensor.name])}
    for name, node in graph.nodes.items():
        box = bounds.boxes[name]
        if isinstance(node, Sum):
            variables[name] = own = real_variables(programme, box)
            _put_sum(programme, own, node.parts, node.offset, variables)
        elif isinstance(node, Rounded):
            whole = float(box.width.max(initial=0.0)) <= MOST_CODES
            variables[name] = own = (whole_variables if whole else real_variables)(programme, box)
            moving = np.flatnonzero(box.width > 0)
            values, codes = (Box(*(end[moving] for end in ends)) for ends in (bounds.boxes[node.source], box))
            rounding = Rounding.of(node.staircase.at(moving), values, codes, whole=whole)
            put_rounding(programme, variables[node.source].at(moving), own.at(moving), rounding)
        else:
            variables[name] = own = whole_variables(programme, box)
            _put_looked(programme, node, (variables[node.source], own), (bounds.boxes[node.source], box))
    return variables


def _put_sum(
    programme: Programme,
    own: Variables,
    parts: Mapping[str, csr_array],
    offset: Vector,
    variables: Mapping[str, Variables],
) -> None:
    """Rows that make variables a linear function of others."""
    terms = [
        (variables[source].places, matrix.toarray() * variables[source].unit / own.unit[:, None])
        for source, matrix in parts.items()
    ]
    programme.add_matrix(own.places, terms, offset / own.unit, offset / own.unit)


def _put_looked(
    programme: Programme, node: Looked, variables: tuple[Variables, Variables], boxes: tuple[Box, Box]
) -> None:
    """Entries by runs of codes with the same one, each with a variable that is 1 for its codes."""
    given, own = variables
    for place in np.flatnonzero(boxes[1].width > 0):
        codes = np.arange(int(boxes[0].lower[place]), int(boxes[0].upper[place]) + 1)
        entries = node.codes(codes)
        begins = np.flatnonzero(np.diff(entries, prepend=entries[0] - 1))
        last = np.append(begins[1:], len(codes)) - 1
        runs = programme.add_variables(np.zeros(len(begins)), np.ones(len(begins)), integer=True)
        zero, one, unit = np.zeros(1), np.ones(1), given.unit[place]
        programme.add_matrix(runs[:1], [(runs[1:], -np.ones((1, len(runs) - 1)))], one, one)
        programme.add_matrix(own.places[[place]], [(runs, entries[begins][None].astype(np.float64))], zero, zero)
        source = given.places[[place]]
        programme.add_matrix(source, [(runs, codes[begins][None] / unit)], zero, None)
        programme.add_matrix(source, [(runs, codes[last][None] / unit)], None, zero)
