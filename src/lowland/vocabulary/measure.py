"""The record that says what a measure of the long table means."""

from __future__ import annotations

from dataclasses import dataclass

from lowland.vocabulary.families import Family
from lowland.vocabulary.levels import NO_LEVEL, LevelUnit


@dataclass(frozen=True, slots=True)
class Measure:
    """What a column value of ``measure`` means.

    Attributes:
        label: Name in figures and prose.
        unit: Unit of the value; ``1`` for pure numbers.
        higher_is_better: Direction; ``None`` where neither end is better.
        meaning: One sentence for an engineer who has not met the measure.
        selected: Taken on the cells that parameters select, not on all.
        families: Of its rows in the long table; the first where it has no condition of another.
        of_task: Only tasks of some kind have it.
        of_pairs: It compares two cells.
        is_rate: It is between 0 and 1 and written in per cent.
        levels: What its own levels count, where no condition says so.
    """

    label: str
    unit: str
    higher_is_better: bool | None
    meaning: str
    selected: bool = False
    families: tuple[Family, ...] = ("landscape",)
    of_task: bool = False
    of_pairs: bool = False
    is_rate: bool = False
    levels: LevelUnit = NO_LEVEL
