"""The headline score of a task and its direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import pandas as pd

from lowland.analysis.intervals import Ends
from lowland.scores import deterioration, sign
from lowland.vocabulary.measures import MEASURES, SCORES, SHARES


@dataclass(frozen=True, slots=True)
class Score:
    """What a task is judged by.

    Attributes:
        name: Measure in the long table.
        label: Name for people.
        unit: Of its value; ``1`` for pure numbers.
        sign: What makes the better of two scores the larger number: 1 or -1.
        is_share: Between 0 and 1, and written in per cent.
    """

    name: str
    label: str
    unit: str
    sign: int
    is_share: bool

    @classmethod
    def named(cls, name: str) -> Self:
        """The score of this measure, or the one that stands in where none is known (``UNKNOWN``)."""
        if name == "score":
            return cls(name, name, "1", sign=1, is_share=False)
        measure = MEASURES[name]
        return cls(name, measure.label, measure.unit, sign(name), name in SHARES)

    @property
    def higher_is_better(self) -> bool:
        """Direction."""
        return self.sign > 0

    @property
    def ends(self) -> Ends:
        """Where its values end: a share at 0 and 1, an error at 0."""
        return "none" if self.name == UNKNOWN.name else "zero and one" if self.is_share else "zero"

    @property
    def units(self) -> str:
        """The unit after a number: per cent, a plural, or nothing."""
        return "%" if self.is_share else "" if self.unit == "1" else f"{self.unit}s"

    @property
    def lost(self) -> str:
        """The measure of how much of it a disturbance costs."""
        return deterioration(self.name)


UNKNOWN = Score.named("score")
"""Stands in where a table names no score: nothing of the task gave a result."""


def score_of(frame: pd.DataFrame) -> Score:
    """The headline score of one task.

    Args:
        frame: Rows of the long table of one task, whose ``performance`` rows name the score (where there are none, the
            other families do); or a picture's table with a column ``score``.
    """
    if "score" in frame and "measure" not in frame:
        names = frame["score"].dropna().unique()
    elif "measure" in frame:
        found = frame[frame["measure"].isin(SCORES)]
        clean = found[found["family"] == "performance"]
        names = (clean if len(clean) else found)["measure"].unique()
    else:
        names = ()
    return Score.named(str(names[0])) if len(names) else UNKNOWN
