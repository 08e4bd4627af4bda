"""Which faults are drawn, and how often."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lowland.coding.encodings import ENCODINGS
from lowland.selection import NONE_SWITCHES_OFF, NOTHING, ONE_MESSAGE, Selection

Fault = Literal["codes", "weights", "biases", "ranked", "scales", "activations", "upsets", "stuck_at_0", "stuck_at_1"]


class FlipMapOptions(Selection):
    """Which cells get a map of all single flips with its protection plan, and what is asked of it.

    Attributes:
        precisions: Names from the axis of precisions, of networks with codes; or how many of those, from the first; or
            ``all`` of those. ``none`` switches maps off.
        seeds: How many seeds, from the first; or ``all``.
        rows: Test rows that every flip is measured on, and landscape rows that rankings see; or ``all``.
        recall_counts: How many of the worst flips a ranking is asked for.
        bit_error_rate: That the protection plan is made for.
        tolerated_drop: What a plan may lose, from the clean score to the floor that it holds: of a share (accuracy) in
            its own units (0.01 is one point), of any other score relative to the clean one (0.01 is one per cent).
        simulation_draws: Random flip sets that check the plan.
        search_flips: Flips of the greedy search for the worst; 0 for none.
    """

    rows: Annotated[Annotated[int, Field(ge=10, strict=True)] | Literal["all"], ONE_MESSAGE]
    recall_counts: tuple[Annotated[int, Field(ge=1)], ...]
    bit_error_rate: Annotated[float, Field(gt=0, lt=0.5)]
    tolerated_drop: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    simulation_draws: Annotated[int, Field(ge=2)]
    search_flips: Annotated[int, Field(ge=0)]


class BitFlipOptions(BaseModel):
    """Levels and draws of random faults in what a network stores and computes with.

    Attributes:
        counts: Numbers of flipped bits (equal number of upsets).
        bit_error_rates: Shares of flipped bits (equal exposure: more bits, more upsets).
        draws: Independent flip sets whose mean and standard error are reported.
        faults: What is hit, keys of ``FAULTS`` (``codes`` are weights and biases together), or ``ranked``: the bits of
            weights that FKeras' ranking names first, by counts only; ``none`` switches this off, as
            does ``none`` in place of all these options.
        encoding: How codes are written in bits, a key of ``ENCODINGS``.
        upset_length: Adjacent bits of one word that an upset of several bits flips.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    counts: tuple[Annotated[int, Field(ge=1)], ...]
    bit_error_rates: tuple[Annotated[float, Field(gt=0, le=1)], ...]
    draws: Annotated[int, Field(ge=2)]
    faults: Annotated[tuple[Fault, ...], NONE_SWITCHES_OFF] = ("codes",)
    encoding: str = "twos_complement"
    upset_length: Annotated[int, Field(ge=2)] = 2

    @model_validator(mode="before")
    @classmethod
    def _none_is_no_fault(cls, value: Any) -> Any:
        return {"counts": (), "bit_error_rates": (1e-3,), "draws": 2, "faults": ()} if value in NOTHING else value

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
        if "ranked" in self.faults and not self.counts:
            raise ValueError(
                "faults name ranked, but counts is empty; expected numbers of flips: ranked bits have no rate"
            )
        if self.encoding not in ENCODINGS:
            raise ValueError(f"encoding is {self.encoding!r}; expected one of {', '.join(ENCODINGS)}")
        return self
