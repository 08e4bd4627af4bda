"""Which faults are drawn, and how often."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lowland.quantization.encodings import ENCODINGS

Fault = Literal["codes", "weights", "biases", "scales", "activations", "upsets", "stuck_at_0", "stuck_at_1"]


class BitFlipOptions(BaseModel):
    """Levels and draws of random faults in what a network stores and computes with.

    Attributes:
        counts: Numbers of flipped bits (equal number of upsets).
        bit_error_rates: Shares of flipped bits (equal exposure: more bits, more upsets).
        draws: Independent flip sets whose mean and standard error are reported.
        faults: What is hit, keys of ``FAULTS``: ``codes`` are weights and biases together.
        encoding: How codes are written in bits, a key of ``ENCODINGS``.
        upset_length: Adjacent bits of one word that an upset of several bits flips.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    counts: tuple[Annotated[int, Field(ge=1)], ...]
    bit_error_rates: tuple[Annotated[float, Field(gt=0, le=1)], ...]
    draws: Annotated[int, Field(ge=2)]
    faults: tuple[Fault, ...] = ("codes",)
    encoding: str = "twos_complement"
    upset_length: Annotated[int, Field(ge=2)] = 2

    @model_validator(mode="after")
    def _has_levels(self) -> Self:
        for name, levels in (
            ("counts", self.counts),
            ("bit_error_rates", self.bit_error_rates),
            ("faults", self.faults),
        ):
            if len(set(levels)) < len(levels):
                what = "fault" if name == "faults" else "level"
                raise ValueError(f"{name} names a {what} twice: {list(levels)}")
        if not (self.counts or self.bit_error_rates):
            raise ValueError("counts and bit_error_rates are both empty; expected levels in at least one")
        if not self.faults:
            raise ValueError("faults is empty; expected at least one of what is hit, such as codes")
        if self.encoding not in ENCODINGS:
            raise ValueError(f"encoding is {self.encoding!r}; expected one of {', '.join(ENCODINGS)}")
        return self
