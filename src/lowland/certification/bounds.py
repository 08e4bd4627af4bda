"""A number that is known from both sides, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["exact", "relaxed", "timeout", "unknown"]
"""``exact``: both sides meet within the tolerance asked for. ``relaxed``: both are sound, the method cannot do better.
``timeout``: both are sound, more time would bring them closer. ``unknown``: only one side is known."""

_ROUNDED = 1e-9
"""More than float64 rounds away in a confidence."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """A largest (or smallest) value in real arithmetic, from below and above.

    Attributes:
        lower: No greater than the value; of a largest deviation: one that is reached by a witness.
        upper: No smaller than the value; of a largest deviation: what is proved.
        status: How close they are, and why not closer.

    Raises:
        ValueError: Bounds in the wrong order, which can only come from an unsound method.
    """

    lower: float
    upper: float
    status: Status

    def __post_init__(self) -> None:
        if not self.lower <= self.upper:
            raise ValueError(f"bounds are {self.lower} and {self.upper}; expected the lower one first")

    @classmethod
    def of(cls, reached: float, proved: float, status: Status) -> Bounds:
        """Both sides of a largest value, from a witness that float64 evaluated and may so put above what is proved.

        Args:
            reached: By the witness.
            proved: By a method; raised to ``reached`` as far as rounding goes, and no further.
            status: See ``Status``.
        """
        return cls(reached, max(proved, min(reached, proved + _ROUNDED)), status)

    @property
    def width(self) -> float:
        """How much is not known."""
        return self.upper - self.lower

    def __and__(self, other: Bounds) -> Bounds:
        """What two sound statements on the same value say together; ``exact`` if one of them is."""
        status: Status = "exact" if "exact" in (self.status, other.status) else self.status
        return Bounds(max(self.lower, other.lower), min(self.upper, other.upper), status)
