"""The precision of a cell and what turning a float network into it needs to know."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from lowland.errors import LowlandError

FLOAT_BITS = 32
FEWEST_BITS, MOST_BITS = 2, 16
BIAS_BITS = 48
"""Width of bias codes while training, beyond what any bias needs; freezing finds the smallest that holds them."""


def check_bits(name: str, bits: int) -> int:
    """The width itself if an integer network can have it.

    Args:
        name: What has this width, for the message.
        bits: Width in bits.

    Raises:
        LowlandError: Outside 2 to 16 bits.
    """
    if not FEWEST_BITS <= bits <= MOST_BITS:
        raise LowlandError(f"{name} is {bits}; expected {FEWEST_BITS} to {MOST_BITS} bits")
    return bits


class Precision(BaseModel):
    """How a model is stored and computed.

    Attributes:
        method: ``float`` (as trained), ``qat`` (fine-tuned with quantizers) or ``ptq`` (calibrated, not trained).
        weight_bits: Width of every weight code; 32 for ``float``.
        activation_bits: Width of every hidden activation code; 32 for ``float``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["float", "qat", "ptq"]
    weight_bits: int
    activation_bits: int

    @model_validator(mode="after")
    def _widths_fit_the_method(self) -> Precision:
        for name, bits in (("weight_bits", self.weight_bits), ("activation_bits", self.activation_bits)):
            if self.method != "float":
                check_bits(name, bits)
            elif bits != FLOAT_BITS:
                raise LowlandError(f"{name} is {bits} with method float; expected {FLOAT_BITS} (or method qat or ptq)")
        return self


class QuantizationOptions(BaseModel):
    """Options of the quantization stage that all precisions share.

    Attributes:
        input_bits: Width of the input codes, 2 to 16: what the sensor delivers, whatever the network computes in.
        calibration_rows: Training rows that set the activation scales, at least 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input_bits: int
    calibration_rows: int

    @field_validator("input_bits")
    @classmethod
    def _input_bits_exist(cls, bits: int) -> int:
        return check_bits("input_bits", bits)

    @field_validator("calibration_rows")
    @classmethod
    def _some_rows(cls, rows: int) -> int:
        if rows < 1:
            raise LowlandError(f"calibration_rows is {rows}; expected at least 1")
        return rows
