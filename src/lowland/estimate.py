"""A number with its uncertainty: what every measure returns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch

Status = Literal["ok", "non_finite", "not_converged", "undefined", "timeout", "failed"]
STATUSES: tuple[str, ...] = get_args(Status)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value, its standard error and whether it can be trusted.

    Attributes:
        value: The number; NaN where ``status`` says that there is none.
        standard_error: One standard error of ``value``, same unit; 0 for a deterministic value.
        num_samples: How many independent samples (rows, probes, draws) entered.
        status: ``ok``, or why the value must not be used as it stands. A non-finite value or standard error turns
            ``ok`` into ``non_finite``: no caller can forget it.
    """

    value: float
    standard_error: float = 0.0
    num_samples: int = 1
    status: Status = "ok"

    def __post_init__(self) -> None:
        finite = math.isfinite(self.value) and math.isfinite(self.standard_error)
        if self.status == "ok" and not finite:
            object.__setattr__(self, "status", "non_finite")

    @classmethod
    def from_samples(cls, samples: torch.Tensor) -> Estimate:
        """Mean of independent samples with standard error s/sqrt(n).

        A single sample does not tell how far it may be off: its status is ``undefined`` and its error NaN.

        Args:
            samples: Any shape, at least one element; independent draws of the same quantity.
        """
        flat = samples.detach().reshape(-1).to(torch.float64)
        count = flat.numel()
        if count == 1:
            value = float(flat)
            return cls(value, math.nan, 1, "undefined" if math.isfinite(value) else "non_finite")
        unit = _unit(float(flat.abs().max()))
        flat = flat / unit
        return cls(float(flat.mean()) * unit, float(flat.std(correction=1)) / math.sqrt(count) * unit, count)

    @classmethod
    def missing(cls, status: Status) -> Estimate:
        """A value that does not exist, and why."""
        return cls(math.nan, math.nan, 0, status)


def _unit(largest: float) -> float:
    """A power of two by which samples are divided whose squares float64 cannot hold; 1 for all others."""
    extreme = math.isfinite(largest) and largest > 0 and not 1e-100 < largest < 1e100
    return math.ldexp(1.0, math.frexp(largest)[1] - 1) if extreme else 1.0
