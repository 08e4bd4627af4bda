"""Which bit flips are drawn, and how often."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class BitFlipOptions(BaseModel):
    """Levels and draws of random bit flips in all stored codes, weights and biases.

    Attributes:
        counts: Numbers of flipped bits (equal number of upsets).
        bit_error_rates: Shares of flipped bits (equal exposure: more bits, more upsets).
        draws: Independent flip sets whose mean and standard error are reported.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    counts: tuple[Annotated[int, Field(ge=1)], ...]
    bit_error_rates: tuple[Annotated[float, Field(gt=0, le=1)], ...]
    draws: Annotated[int, Field(ge=2)]

    @model_validator(mode="after")
    def _has_levels(self) -> Self:
        for name, levels in (("counts", self.counts), ("bit_error_rates", self.bit_error_rates)):
            if len(set(levels)) < len(levels):
                raise ValueError(f"{name} names a level twice: {list(levels)}")
        if not (self.counts or self.bit_error_rates):
            raise ValueError("counts and bit_error_rates are both empty; expected levels in at least one")
        return self
