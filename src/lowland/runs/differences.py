"""How two sets of parameters differ, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

SHOWN = 3
_NOTHING = object()


class Difference(NamedTuple):
    """One parameter that is not the same in both.

    Attributes:
        name: Dotted.
        before, now: What each says, as text; ``nothing`` where one does not have it.
    """

    name: str
    before: str
    now: str


def differences(before: Any, now: Any, name: str = "") -> list[Difference]:
    """All parameters that are not the same, the deepest names that tell them apart.

    Args:
        before: Nested mappings; lists are compared whole.
        now: The same, later.
        name: Of the mapping, dotted.
    """
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        found = []
        for key in dict.fromkeys((*before, *now)):
            inner = f"{name}.{key}" if name else str(key)
            found += differences(before.get(key, _NOTHING), now.get(key, _NOTHING), inner)
        return found
    before, now = (list(value) if isinstance(value, tuple) else value for value in (before, now))
    return [] if before == now else [Difference(name, _text(before), _text(now))]


def told(found: list[Difference], sentence: str) -> str:
    """The first few in one line.

    Args:
        found: At least one.
        sentence: With ``{name}``, ``{before}`` and ``{now}``.
    """
    lines = [sentence.format(**each._asdict()) for each in found[:SHOWN]]
    more = len(found) - SHOWN
    return ", ".join(lines) + (f" and {more} more" if more > 0 else "")


def _text(value: Any) -> str:
    text = "nothing" if value is _NOTHING else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
