"""The one error that is the user's to mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class LowlandError(ValueError):
    """A mistake in parameters, data or requirements, told in one line.

    The message names the parameter or file, what came, what was expected and what to do. The command line prints it
    without a stack trace and exits with code 2.
    """


class MistakesError(LowlandError):
    """Several mistakes at once, a line each.

    Attributes:
        lines: The messages.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is spelt most like this one; None where none is like it.

    Args:
        name: As it came.
        known: All that would be right.
    """
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)), None)


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """``; did you mean ...?`` after the message about a name that is not known, or nothing.

    Args:
        name: As it came; what is no text is like nothing.
        known: All that would be right.
    """
    found = nearest(name, known) if isinstance(name, str) else None
    return f"; did you mean {found}?" if found else ""
