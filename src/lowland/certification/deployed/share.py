"""A share of independent trials with its exact interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from lowland.errors import LowlandError


@dataclass(frozen=True, slots=True)
class Share:
    """How many of independent trials succeed, with the interval of Clopper and Pearson.

    Trials are independent if each is a draw of its own: rows of held-out data, or sets of flips. Rows times sets of
    flips are not, for rows share the sets.

    Attributes:
        successes: Number of trials that succeed.
        trials: Their number.
        lower: Lower end for the probability of success.
        upper: Upper end.
        confidence: With which the interval covers, at least.
    """

    successes: int
    trials: int
    lower: float
    upper: float
    confidence: float

    @property
    def value(self) -> float:
        """The share itself."""
        return self.successes / self.trials

    @classmethod
    def of(cls, successes: int, trials: int, *, confidence: float = 0.95, levels: int = 1) -> Self:
        """Both ends, each wrong with half of what is left to the confidence.

        Args:
            successes: 0 to ``trials``.
            trials: At least 1.
            confidence: Above 0, below 1: that all intervals cover at once where there are several.
            levels: How many intervals are made from the same draws (Bonferroni): each gets its part of the risk.

        Raises:
            LowlandError: Counts or a confidence that cannot be.

        Source:
            Clopper and Pearson, Biometrika 26 (1934) 404.
        """
        if not 0 < confidence < 1:
            raise LowlandError(f"confidence is {confidence}; expected above 0 and below 1, such as 0.95")
        if trials < 1 or not 0 <= successes <= trials or levels < 1:
            raise LowlandError(
                f"successes are {successes} of {trials} trials at {levels} levels; expected 0 to all of at least one "
                "trial, at one level or more"
            )
        from scipy import stats  # takes a second: only where an interval is computed

        risk = (1 - confidence) / levels / 2
        failures = trials - successes
        lower = float(stats.beta.ppf(risk, successes, failures + 1)) if successes else 0.0
        upper = float(stats.beta.isf(risk, successes + 1, failures)) if failures else 1.0
        return cls(successes, trials, lower, upper, confidence)
