"""Small words that sentences share."""

from __future__ import annotations

from collections.abc import Sequence


def listed(names: Sequence[str]) -> str:
    """One or more names with commas and a last ``and``."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def plural(count: int, word: str, many: str = "") -> str:
    """A noun that goes with a number: ``plural(1, "seed")`` is ``seed``.

    Args:
        count: How many.
        word: The singular.
        many: The plural, where it is not the singular with an s.
    """
    return word if count == 1 else many or f"{word}s"


def capital(words: str) -> str:
    """The same with its first letter large, the others as they are."""
    return words[:1].upper() + words[1:]
