"""Bounds of every integer of a deployed network over a box of input codes."""

from __future__ import annotations

import numpy as np

from lowland.certification.rounding.integer_graph import IntegerGraph, Looked, Node, Rounded, Sum
from lowland.certification.rounding.symbolic import Box, Line, Symbolic

_NEAR = 1e-6
"""Far below half an integer: what a bound on a whole number may be off before it is rounded inwards."""


def inward(box: Box) -> Box:
    """Whole numbers in a box: its ends rounded inwards."""
    return Box(np.ceil(box.lower - _NEAR), np.floor(box.upper + _NEAR))


def code_bounds(graph: IntegerGraph, codes: Box) -> Symbolic:
    """Boxes and lines of all results, by step name.

    Args:
        graph: The network.
        codes: Of its inputs, whole numbers.
    """
    symbolic = Symbolic()
    symbolic.put_box(graph.sensor.name, codes)
    for name, node in graph.nodes.items():
        put_node(symbolic, name, node)
    return symbolic


def put_node(symbolic: Symbolic, name: str, node: Node) -> None:
    """The integers of one step, behind those that it takes."""
    if isinstance(node, Sum):
        box = symbolic.put_sum(name, Line(node.parts, node.offset))
    elif isinstance(node, Rounded):
        box = put_rounded(symbolic, name, node)
    else:
        box = put_looked(symbolic, name, node)
    symbolic.narrow(name, inward(box))


def put_rounded(symbolic: Symbolic, name: str, node: Rounded) -> Box:
    """Codes between the lines of their staircase; their box is exact for that of the integers."""
    given, stairs = symbolic.boxes[node.source], node.staircase
    ends = Box(*(stairs.codes(end.astype(np.int64)).astype(np.float64) for end in given))
    lines = stairs.lines(*given)
    lower = Line.diagonal(node.source, lines.lower_slope, lines.lower_offset)
    return symbolic.put(name, lower, Line.diagonal(node.source, lines.upper_slope, lines.upper_offset), ends)


def put_looked(symbolic: Symbolic, name: str, node: Looked) -> Box:
    """Entries of a table between two parallel lines, the tightest for the slope between the ends of the range."""
    given = symbolic.boxes[node.source]
    slope, low, high = (np.zeros_like(given.lower) for _ in range(3))
    first, last = np.empty_like(slope), np.empty_like(slope)
    for place, (start, stop) in enumerate(zip(*given, strict=True)):
        codes = np.arange(int(start), int(stop) + 1)
        entries = node.codes(codes)
        first[place], last[place] = entries.min(), entries.max()
        slope[place] = (entries[-1] - entries[0]) / max(len(codes) - 1, 1)
        rest = entries - slope[place] * codes
        low[place], high[place] = rest.min(), rest.max()
    slack = 1e-9 * (1 + np.abs(low) + np.abs(high))
    lower = Line.diagonal(node.source, slope, low - slack)
    return symbolic.put(name, lower, Line.diagonal(node.source, slope, high + slack), Box(first, last))
