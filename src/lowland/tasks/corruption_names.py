"""Corrupted sets that a task's options name."""

from __future__ import annotations

from collections.abc import Mapping

from lowland.vocabulary.conditions import CONDITIONS
from lowland.vocabulary.families import Family


def check_corruptions(corrupted: Mapping[str, int], *, family: Family, beside: str) -> None:
    """Refuses names of other things than corruptions.

    Args:
        corrupted: How strong each corruption is, by its name.
        family: Of the corruptions that inputs of this kind meet.
        beside: What stands beside each name.

    Raises:
        ValueError: The first name that is none, with those that are.
    """
    known = [name for name, condition in CONDITIONS.items() if condition.family == family]
    for name in corrupted:
        if name not in known:
            raise ValueError(f"corrupted names {name!r}; expected some of {', '.join(known)}, each with {beside}")
