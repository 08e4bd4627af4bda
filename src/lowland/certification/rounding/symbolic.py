"""Bounds by substitution backwards: every result between two linear functions of earlier ones, back to the inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse import csr_array

from lowland.certification.rounding.linear_parts import Vector

_SLACK = 1e-10
"""Relative to the largest sizes that are summed: a thousand times what float64 loses."""

_APART = 1e-6
"""Relative: by how much boxes of one number may miss each other through float64's roundings."""


class Line(NamedTuple):
    """A linear function of earlier results: sum of matrix * result, plus an offset."""

    parts: Mapping[str, csr_array]
    offset: Vector

    @classmethod
    def diagonal(cls, source: str, slope: Vector, offset: Vector) -> Line:
        """Element by element."""
        return cls({source: sparse.diags_array(slope, format="csr")}, offset)

    def plus(self, source: str, matrix: csr_array) -> Line:
        """With a multiple of a result added to it."""
        parts = dict(self.parts)
        parts[source] = parts[source] + matrix if source in parts else matrix
        return Line(parts, self.offset)


class Box(NamedTuple):
    """Numbers between two ends, element by element."""

    lower: Vector
    upper: Vector

    def __and__(self, other: Box) -> Box:
        """What lies in both."""
        return Box(np.maximum(self.lower, other.lower), np.minimum(self.upper, other.upper))

    @property
    def width(self) -> Vector:
        """Upper minus lower end."""
        return self.upper - self.lower


class Symbolic:
    """Results in the order of their computation, each in a box and between two lines (Singh et al. 2019, DeepPoly).

    At every result on the way back the rest is also bounded by boxes alone, and the better of all bounds is taken: none
    is wider than by intervals.
    """

    def __init__(self) -> None:
        self.boxes: dict[str, Box] = {}
        self._lines: dict[str, tuple[Line, Line]] = {}

    def put_box(self, name: str, box: Box) -> None:
        """A result of which a box alone is known."""
        self.boxes[name] = box

    def put(self, name: str, lower: Line, upper: Line, box: Box | None = None) -> Box:
        """A result between two lines.

        Args:
            name: Its own.
            lower: Nowhere above it.
            upper: Nowhere below it.
            box: What else is known.

        Returns:
            The box in which it lies.
        """
        self.boxes[name] = Box(self.bounds(lower).lower, self.bounds(upper).upper)
        self._lines[name] = (lower, upper)
        return self.boxes[name] if box is None else self.narrow(name, box)

    def put_sum(self, name: str, line: Line, box: Box | None = None) -> Box:
        """A result that is a linear function."""
        return self.put(name, line, line, box)

    def narrow(self, name: str, box: Box) -> Box:
        """A result that is known to lie in another box as well.

        Raises:
            ValueError: The boxes do not meet, which only an unsound bound can cause.
        """
        lower, upper = self.boxes[name] & box
        if bool((lower > upper + _APART * (1 + np.abs(upper))).any()):
            raise ValueError(f"bounds of {name!r} contradict each other: the lower one first was expected")
        self.boxes[name] = found = Box(np.minimum(lower, upper), upper)
        return found

    def bounds(self, line: Line) -> Box:
        """Bounds of a linear function of results."""
        negative = Line({source: -matrix for source, matrix in line.parts.items()}, -line.offset)
        return Box(-self.highest(negative), self.highest(line))

    def highest(self, line: Line) -> Vector:
        """An upper bound of a linear function of results, row by row."""
        pending = {source: matrix.toarray() for source, matrix in line.parts.items()}
        total = line.offset.astype(np.float64)
        best = self._by_boxes(pending, total)
        for name in reversed(self.boxes):
            if name not in pending or name not in self._lines:
                continue
            factors = pending.pop(name)
            lower, upper = self._lines[name]
            for signed, bound in ((factors.clip(min=0.0), upper), (factors.clip(max=0.0), lower)):
                total = total + signed @ bound.offset
                for source, matrix in bound.parts.items():
                    product = signed @ matrix
                    pending[source] = pending[source] + product if source in pending else product
            best = np.minimum(best, self._by_boxes(pending, total))
        return best

    def _by_boxes(self, pending: Mapping[str, Vector], total: Vector) -> Vector:
        found, size = total, np.abs(total)
        for source, factors in pending.items():
            box = self.boxes[source]
            found = found + factors.clip(min=0.0) @ box.upper + factors.clip(max=0.0) @ box.lower
            size = size + np.abs(factors) @ np.maximum(np.abs(box.lower), np.abs(box.upper))
        return found + _SLACK * size
