"""What a trial finds: mistakes, a line each, and what was looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lowland.errors import MistakesError
from lowland.own_code import said


@dataclass(slots=True)
class Findings:
    """Mistakes and notes of a trial, in the order in which they were found.

    Attributes:
        name: Of what is tried, before every mistake.
        mistakes: What has to be mended.
        notes: What was looked at and is as it should be, or is worth knowing: (what, how it is).
    """

    name: str
    mistakes: list[str] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)

    def wrong(self, mistake: str) -> None:
        """Keeps a mistake."""
        self.mistakes.append(f"{self.name}{mistake}")

    def note(self, what: str, how: str) -> None:
        """Keeps a note."""
        self.notes.append((what, how))

    @contextmanager
    def attempt(self, doing: str) -> Iterator[None]:
        """Turns whatever a user's code raises inside into a mistake, and goes on behind it.

        Args:
            doing: The method that is called, for the message.
        """
        try:
            yield
        except MistakesError as error:
            for line in error.lines:
                self.wrong(f".{doing}: {line}")
        except Exception as error:
            self.wrong(f".{doing}: {said(error)}")

    def raise_mistakes(self) -> None:
        """Ends the run where there are mistakes.

        Raises:
            MistakesError: With all of them.
        """
        if self.mistakes:
            raise MistakesError(self.mistakes)
