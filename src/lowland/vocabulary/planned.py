"""What a study will measure, by its options, before it runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from lowland.vocabulary.families import Family


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Measures that will be taken of every cell, or of those that parameters select.

    Attributes:
        family: Of their rows in the long table.
        measures: Their names; empty: all that a task has in this family.
        condition: Under which they are taken; empty without one.
        target: What that hits; empty for the whole.
        levels: Of the condition, or of the measures themselves; empty where there are none.
    """

    family: Family
    measures: tuple[str, ...] = ()
    condition: str = ""
    target: str = ""
    levels: tuple[float, ...] = ()


@runtime_checkable
class Plans(Protocol):
    """Options that say what is measured."""

    def planned(self) -> Iterator[Planned]:
        """What is measured, condition by condition."""
