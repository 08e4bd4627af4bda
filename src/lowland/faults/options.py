"""Which bit flips are drawn, and how often."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class BitFlipOptions(BaseModel):
    """Levels and draws of random bit flips.

    Attributes:
        counts: Numbers of flipped bits (equal number of upsets).
        bit_error_rates: Shares of flipped bits (equal exposure: more bits, more upsets).
        targets: Kinds of stored codes that are hit.
        draws: Independent flip sets whose mean and standard error are reported.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    counts: tuple[Annotated[int, Field(ge=1)], ...]
    bit_error_rates: tuple[Annotated[float, Field(gt=0, le=1)], ...]
    targets: Annotated[tuple[Literal["weights", "biases"], ...], Field(min_length=1)]
    draws: Annotated[int, Field(ge=1)]
