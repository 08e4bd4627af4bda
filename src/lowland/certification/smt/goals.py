"""What is asked of the margin between two classes: how low it gets, or how far the confidence moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Protocol

from lowland.certification.smt.rationals import change_of_confidence, confidence, logit_above, logit_below

Ends = tuple[Fraction, Fraction]


@dataclass(frozen=True, slots=True)
class Region:
    """Pairs of margins that all of its ends allow; a question is whether any pair of a region can be had.

    Attributes:
        at_least: End of the float network's margin; ``None``: no end.
        at_most: Likewise.
        above: End of the margin in the box, not in the region itself.
        below: Likewise.
        closed: Whether ``below`` is in the region itself.
    """

    at_least: Fraction | None = None
    at_most: Fraction | None = None
    above: Fraction | None = None
    below: Fraction | None = None
    closed: bool = False


class Goal(Protocol):
    """What a counterexample has to show; a single output is the logit of class 1 against class 0."""

    @property
    def classes(self) -> tuple[int, int]:
        """The assigned class and the other one."""
        ...

    @property
    def compares(self) -> bool:
        """Whether the margin of the float network matters."""
        ...

    def regions(self, reference: Ends) -> list[Region]:
        """Where counterexamples lie; more than these may lie there, never fewer."""
        ...

    def reached(self, margin: Fraction, reference: Fraction) -> bool:
        """Whether two margins are a counterexample, in exact arithmetic."""
        ...


@dataclass(frozen=True, slots=True)
class Margin:
    """Whether the margin can be as low as a threshold.

    Attributes:
        classes: The assigned class and the other one.
        threshold: Of the difference of the two logits.
        strict: Whether the margin has to be lower than the threshold.
    """

    classes: tuple[int, int]
    threshold: Fraction
    strict: bool = False
    compares = False

    def regions(self, reference: Ends) -> list[Region]:
        """One: margins up to the threshold."""
        return [Region(below=self.threshold, closed=not self.strict)]

    def reached(self, margin: Fraction, reference: Fraction) -> bool:
        """Whether the margin is as low as that."""
        return margin < self.threshold or (margin == self.threshold and not self.strict)


@dataclass(frozen=True, slots=True)
class Deviation:
    """Whether the confidence can move by more than a number between 0 and 1.

    Attributes:
        classes: Of the two, whose confidences move equally far.
        change: By more than what.
        cells: Into how many cells of equal confidence the float network's margin is cut, where it is not one number:
            inside a cell the lower end of the confidence stands for it, so that what is proved stays true.
    """

    classes: tuple[int, int]
    change: Fraction
    cells: int = 8
    compares = True

    def regions(self, reference: Ends) -> list[Region]:
        """Two a cell: margins from where the confidence has risen, or fallen, by more.

        Args:
            reference: What the float network's margin can be at most and at least.
        """
        if reference[0] == reference[1]:
            return list(self._of_cell(reference, (None, None)))
        low, high = confidence(reference[0])[0], confidence(reference[1])[1]
        ends = [low + (high - low) * index / self.cells for index in range(1, self.cells)]
        edges = sorted({edge for end in ends if (edge := logit_below(end)) is not None})
        edges = [edge for edge in edges if reference[0] < edge < reference[1]]
        cells = list(pairwise([reference[0], *edges, reference[1]]))
        sides = list(pairwise([None, *edges, None]))
        return [region for cell, ends in zip(cells, sides, strict=True) for region in self._of_cell(cell, ends)]

    def reached(self, margin: Fraction, reference: Fraction) -> bool:
        """Whether the confidence certainly moves by more between these margins."""
        return change_of_confidence(reference, margin)[0] > self.change

    def _of_cell(self, cell: Ends, sides: tuple[Fraction | None, Fraction | None]) -> Iterator[Region]:
        above = logit_below(confidence(cell[0])[0] + self.change)
        if above is not None:
            yield Region(*sides, above=above)
        below = logit_above(confidence(cell[1])[1] - self.change)
        if below is not None:
            yield Region(*sides, below=below)
