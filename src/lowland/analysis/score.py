"""The headline score of a task: its direction, and how people read it."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lowland.analysis.intervals import Ends
from lowland.measures import MEASURES, SCORES, SHARES, deterioration, sign

NO_NUMBER = "no number"


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
    def named(cls, name: str) -> Score:
        """The score of this measure, or ``UNKNOWN`` by its own name."""
        if name == UNKNOWN.name:
            return UNKNOWN
        measure = MEASURES[name]
        return cls(name, measure.label, measure.unit, sign(name), name in SHARES)

    @property
    def higher_is_better(self) -> bool:
        """Direction."""
        return self.sign > 0

    @property
    def ends(self) -> Ends:
        """Where its values end: a share at 0 and 1, an error at 0."""
        return "none" if self == UNKNOWN else "zero and one" if self.is_share else "zero"

    @property
    def lost(self) -> str:
        """The measure of how much of it a disturbance costs."""
        return deterioration(self.name)

    @property
    def units(self) -> str:
        """The unit after a number: per cent, a plural, or nothing."""
        return "%" if self.is_share else "" if self.unit == "1" else f"{self.unit}s"

    @property
    def title(self) -> str:
        """Name and unit for an axis, with the direction where it is not the usual one."""
        unit = "" if self.is_share or not self.units else f", in {self.units}"
        return f"{self.label}{unit}" + ("" if self.higher_is_better else " (lower is better)")

    @property
    def best(self) -> str:
        """The good end of its values."""
        return "highest" if self.higher_is_better else "lowest"

    @property
    def left(self) -> str:
        """Its name for what a disturbance leaves of it."""
        return f"{self.label} left" if self.higher_is_better else self.label

    @property
    def limit(self) -> str:
        """What a threshold of it is."""
        return "at least" if self.higher_is_better else "at most"

    @property
    def floor(self) -> str:
        """What a score must not be worse than."""
        return "floor" if self.higher_is_better else "limit"

    @property
    def digits(self) -> str:
        """d3's format of a value under the pointer."""
        return ".3f" if self.is_share else ".3g"

    def text(self, value: float | None) -> str:
        """A value with its unit."""
        return NO_NUMBER if value is None or value != value else _with(self.bare(value), self.units)

    def bare(self, value: float) -> str:
        """A value without its unit, for a table that names it."""
        return f"{100 * value:.1f}" if self.is_share else _significant(value, 3)

    def change(self, value: float) -> str:
        """A difference with its unit."""
        return _with(self.bare_change(value), "points" if self.is_share else self.units)

    def bare_change(self, value: float) -> str:
        """A difference without its unit."""
        return (f"{100 * value:.2g}" if self.is_share else _significant(value, 2)).replace("-", "\N{MINUS SIGN}")

    def margin(self, half: float, *, beside: float) -> str:
        """Half an interval, with as many decimals as the value beside it, without its unit."""
        if self.is_share:
            return f"{100 * half:.1f}"
        _, _, decimals = self.bare(beside).partition(".")
        rounded = f"{half:.{len(decimals)}f}"
        return rounded if float(rounded) else _significant(half, 1)

    def interval(self, low: float, high: float) -> str:
        """An interval under the pointer, after its value."""
        if low != low:
            return ""
        return f" [{self.pointed(low)}, {self.pointed(high)}]"

    def pointed(self, value: float) -> str:
        """A value under the pointer, as ``digits`` writes it."""
        return f"{value:.3f}" if self.is_share else _significant(value, 3)

    @property
    def loss_unit(self) -> str:
        """What follows a loss: of classifiers the cross-entropy, of others what they train on, without a unit."""
        return " nats" if self.is_share else ""

    def loss_title(self, title: str, gap: str = " ") -> str:
        """What is measured as a loss, with its unit."""
        return f"{title}{gap}(nats)" if self.is_share else title

    def drawn(self, value: float) -> float:
        """A value with as many digits as a figure can show."""
        return round(value, 4) if self.is_share else float(f"{value:.4g}")


UNKNOWN = Score("score", "score", "1", sign=1, is_share=False)
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


def _with(number: str, unit: str) -> str:
    return f"{number} {unit}" if unit else number


def _significant(value: float, digits: int) -> str:
    """So many significant digits, large numbers in full."""
    if abs(value) >= 10**digits:
        return f"{value:,.0f}"
    return f"{value:#.{digits}g}".removesuffix(".") if value else "0"
