"""Which faults are drawn, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lowland.coding.encodings import ENCODINGS
from lowland.selection import (
    NONE_IS_NOTHING,
    NONE_SWITCHES_OFF,
    NOTHING,
    Axes,
    Misfit,
    refuse_repeats,
)
from lowland.vocabulary.planned import Planned

Fault = Literal[
    "codes",
    "weights",
    "biases",
    "ranked",
    "scales",
    "tables",
    "float_steps",
    "activations",
    "upsets",
    "stuck_at_0",
    "stuck_at_1",
]
Counts = tuple[Annotated[int, Field(ge=1)], ...]
Rates = tuple[Annotated[float, Field(gt=0, le=1)], ...]


class FaultConditions(NamedTuple):
    """What the long table calls a fault.

    Attributes:
        by_count: Condition at equal numbers; empty where counts have no meaning.
        by_rate: Condition at equal rates; empty where rates have no meaning.
        target: What it hits, a key of ``lowland.vocabulary.targets.TARGETS``.
    """

    by_count: str = "flips"
    by_rate: str = "bit_error_rate"
    target: str = ""


FAULT_CONDITIONS: dict[Fault, FaultConditions] = {
    "codes": FaultConditions(),
    "weights": FaultConditions(target="weights"),
    "biases": FaultConditions(target="biases"),
    "scales": FaultConditions(target="scales"),
    "tables": FaultConditions(target="tables"),
    "float_steps": FaultConditions(target="float_steps"),
    "ranked": FaultConditions("ranked_flips", "", target="weights"),
    "activations": FaultConditions("", "transient_bit_error_rate", target="activations"),
    "upsets": FaultConditions("upsets", "upset_rate"),
    "stuck_at_0": FaultConditions("stuck_at_0", "stuck_at_0_rate"),
    "stuck_at_1": FaultConditions("stuck_at_1", "stuck_at_1_rate"),
}


class FaultOptions(BaseModel):
    """Levels and draws of one random fault.

    Attributes:
        counts: Numbers of flipped bits (equal number of upsets); none: the fault is not drawn by number.
        bit_error_rates: Shares of flipped bits (equal exposure: more bits, more upsets); none: not drawn by rate.
        draws: Independent flip sets whose mean and standard error are reported.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    counts: Annotated[Counts, NONE_SWITCHES_OFF] = ()
    bit_error_rates: Annotated[Rates, NONE_SWITCHES_OFF] = ()
    draws: Annotated[int, Field(ge=2)]

    @model_validator(mode="after")
    def _has_levels(self) -> Self:
        refuse_repeats(counts=self.counts, bit_error_rates=self.bit_error_rates)
        if not (self.counts or self.bit_error_rates):
            raise ValueError("counts and bit_error_rates are both empty; expected levels in at least one")
        return self


class UpsetOptions(FaultOptions):
    """Levels and draws of upsets that flip several bits of one word at once.

    Attributes:
        length: Adjacent bits of one word that an upset flips.
    """

    length: Annotated[int, Field(ge=2)]


class RankedFlipOptions(BaseModel):
    """Levels of flips of the bits that FKeras' ranking names first: one flip set, and no rates.

    Attributes:
        counts: Numbers of flipped bits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    counts: Annotated[Counts, Field(min_length=1)]
    bit_error_rates: ClassVar[Rates] = ()
    draws: ClassVar[int] = 1

    @model_validator(mode="after")
    def _names_nothing_twice(self) -> Self:
        refuse_repeats(counts=self.counts)
        return self


class ActivationFlipOptions(BaseModel):
    """Levels of flips of what is computed: every inference has flips of its own, so that one draw is enough.

    Attributes:
        bit_error_rates: Shares of flipped bits; a count would be one of every inference.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    counts: ClassVar[Counts] = ()
    bit_error_rates: Annotated[Rates, Field(min_length=1)]
    draws: ClassVar[int] = 1

    @model_validator(mode="after")
    def _names_nothing_twice(self) -> Self:
        refuse_repeats(bit_error_rates=self.bit_error_rates)
        return self


AnyFaultOptions = FaultOptions | RankedFlipOptions | ActivationFlipOptions


class MemoryFaultOptions(BaseModel):
    """Faults of what a network stores and computes with, by what is hit; ``none`` switches one off, or all of them.

    Attributes:
        encoding: How codes are written in bits: ``twos_complement``, ``sign_magnitude`` or ``offset_binary``.
        codes: Weights and biases together.
        weights: Weights alone.
        biases: Biases alone.
        ranked: The weights' bits that FKeras' ranking names first.
        scales: Scales (float32 words), multipliers and shifts.
        tables: Entries of lookup tables; networks without tables have no such fault.
        float_steps: Float32 words of what stays float between integers, such as layer norms; networks without have no
            such fault.
        activations: Results of the layers, anew at every inference.
        upsets: Several adjacent bits of a weight or bias at once.
        stuck_at_0: Bits of weights and biases that are 0 whatever was written.
        stuck_at_1: Bits that are 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoding: str
    codes: Annotated[FaultOptions | None, NONE_IS_NOTHING] = None
    weights: Annotated[FaultOptions | None, NONE_IS_NOTHING] = None
    biases: Annotated[FaultOptions | None, NONE_IS_NOTHING] = None
    ranked: Annotated[RankedFlipOptions | None, NONE_IS_NOTHING] = None
    scales: Annotated[FaultOptions | None, NONE_IS_NOTHING] = None
    tables: Annotated[FaultOptions | None, NONE_IS_NOTHING] = None
    float_steps: Annotated[FaultOptions | None, NONE_IS_NOTHING] = None
    activations: Annotated[ActivationFlipOptions | None, NONE_IS_NOTHING] = None
    upsets: Annotated[UpsetOptions | None, NONE_IS_NOTHING] = None
    stuck_at_0: Annotated[FaultOptions | None, NONE_IS_NOTHING] = None
    stuck_at_1: Annotated[FaultOptions | None, NONE_IS_NOTHING] = None

    @model_validator(mode="before")
    @classmethod
    def _none_is_no_fault(cls, value: Any) -> Any:
        return {"encoding": "twos_complement"} if value in NOTHING else value

    @model_validator(mode="after")
    def _encoding_exists(self) -> Self:
        if self.encoding not in ENCODINGS:
            raise ValueError(f"encoding is {self.encoding!r}; expected one of {', '.join(ENCODINGS)}")
        return self

    @property
    def by_fault(self) -> dict[Fault, AnyFaultOptions]:
        """The faults that are drawn, in the order of the fields, whatever order the parameters have."""
        named: dict[Fault, AnyFaultOptions | None] = {
            "codes": self.codes,
            "weights": self.weights,
            "biases": self.biases,
            "ranked": self.ranked,
            "scales": self.scales,
            "tables": self.tables,
            "float_steps": self.float_steps,
            "activations": self.activations,
            "upsets": self.upsets,
            "stuck_at_0": self.stuck_at_0,
            "stuck_at_1": self.stuck_at_1,
        }
        return {fault: options for fault, options in named.items() if options is not None}

    def planned(self) -> Iterator[Planned]:
        """Every fault, by number and by rate."""
        for fault, options in self.by_fault.items():
            by_count, by_rate, target = FAULT_CONDITIONS[fault]
            for condition, levels in ((by_count, options.counts), (by_rate, options.bit_error_rates)):
                if condition and levels:
                    yield Planned(family="bit_flip", condition=condition, target=target, levels=tuple(levels))

    def misfits(self, axes: Axes) -> Iterator[Misfit]:
        """Upsets wider than any word, and more flips than the smallest network can have bits."""
        widest = max(axes.deployed.values(), default=0)
        if axes.deployed and self.upsets and self.upsets.length > widest:
            yield (
                "upsets.length",
                f"is {self.upsets.length}; expected at most {widest}, the width of the widest weights",
            )
        if axes.smallest is None:
            return
        cell, bits = axes.smallest
        for fault, options in self.by_fault.items():
            if fault in ("tables", "float_steps"):
                continue  # words beside the weights and biases, as many as the network asks for
            for flips in options.counts:
                if flips > bits:
                    yield (
                        f"{fault}.counts",
                        f"names {flips} flips; expected at most {bits}, more bits than {cell} has room for",
                    )
