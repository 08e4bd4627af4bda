"""What every method of certification is told besides the question."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from lowland.errors import LowlandError


@dataclass(frozen=True)
class MethodOptions:
    """How long a method may take, how close its bounds should come, and how much it draws.

    Attributes:
        timeout: Seconds for the whole question; ``None``: no limit. Afterwards the bounds reached so far are returned.
        tolerance: Width of bounds on a confidence at which a method may stop: ``exact``.
        num_samples: How many disturbances ``sample`` draws for each row.
        num_steps: How many steps ``search`` takes from each start.
        key: Of the draws; equal keys draw equal disturbances.
        started: When the timeout begins: options are made for one question.

    Raises:
        LowlandError: A timeout or tolerance that is not above 0.
    """

    timeout: float | None = None
    tolerance: float = 1e-3
    num_samples: int = 256
    num_steps: int = 40
    key: str = "certification"
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.timeout is not None and not self.timeout > 0:
            raise LowlandError(f"timeout is {self.timeout}; expected seconds above 0, or None")
        if not 0 < self.tolerance < 1:
            raise LowlandError(f"tolerance is {self.tolerance}; expected a difference of confidences, above 0, below 1")

    @property
    def seconds_left(self) -> float | None:
        """Of the timeout; never negative; ``None`` without one."""
        return None if self.timeout is None else max(self.timeout - (time.monotonic() - self.started), 0.0)
