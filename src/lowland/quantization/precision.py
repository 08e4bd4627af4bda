"""The precision of a cell and what turning a float network into it needs to know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from lowland.errors import LowlandError
from lowland.vocabulary.planned import Planned

FLOAT_BITS = 32
FEWEST_BITS, MOST_BITS = 2, 16
TABLE_BITS, STATE_BITS = 8, 16
NOT_SAID = 0
"""Widths of an imported precision until its network is read: the long table has the network's own."""
BIAS_BITS = 48
"""Width of bias codes while training, beyond what any bias needs; freezing finds the smallest that holds them."""

SMALLEST_THRESHOLD = float(torch.finfo(torch.float32).tiny) * 2**MOST_BITS
"""Learned thresholds are clamped here, so that no scale becomes 0: the smallest whose steps are normal numbers.

It has no unit: nothing that data in single precision can tell apart from 0 lies below it.
"""


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


MOST_BYTE_BITS = 8
"""Width that no code of runtimes with dynamic arithmetic exceeds."""

PER_BATCH = ("onnxruntime", "onnxruntime_no_vnni")
"""Runtimes whose scales come from all rows that are computed at once."""

_STATIC, _CODED_FROM_FLOAT = ("qat", "ptq"), ("dynamic", "weight_only")
_METHODS_OF = {
    **dict.fromkeys(("calibration", "percentile", "bias_correction", "equalization"), _STATIC),
    **dict.fromkeys(("table_bits", "state_bits", "activations", "scale"), _STATIC),
    "layer_bits": (*_STATIC, "dynamic"),
    **dict.fromkeys(("runtime", "batch_rows"), ("dynamic",)),
    "per_channel": (*_STATIC, *_CODED_FROM_FLOAT),
    **dict.fromkeys(("min_elements", "min_elements_of"), _CODED_FROM_FLOAT),
    "fine_tuned": ("float", "ptq"),
    "fake_float": _STATIC,
}
"""Methods that have an option."""


class LayerBits(BaseModel):
    """Widths of the layers that a pattern names; what is not given stays as it is for all.

    Attributes:
        weights: Width of the weight codes of layers with weights.
        activations: Width of the codes of quantizers, and of the results of tables.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: int | None = None
    activations: int | None = None

    @model_validator(mode="after")
    def _something_is_said(self) -> LayerBits:
        given = {name: bits for name, bits in self if bits is not None}
        if not given:
            raise LowlandError("bits of a layer are empty; expected weights, activations or both, such as {weights: 8}")
        for name, bits in given.items():
            check_bits(name, bits)
        return self


class Precision(BaseModel):
    """How a model is stored and computed, and how its scales are found.

    Attributes:
        method: ``float`` (as trained), ``qat`` (fine-tuned with quantizers), ``ptq`` (calibrated, not trained),
            ``dynamic`` (weights in codes, activations coded anew for every input, as a runtime does it),
            ``weight_only`` (weights in codes, all else float) or ``imported`` (a network from outside, as it came).
        weight_bits: Width of every weight code; 32 for ``float``, at most 8 for ``dynamic`` and ``weight_only``, and
            none for ``imported``, whose network says it.
        activation_bits: Width of every hidden activation code; 32 for ``float`` and ``weight_only``, at most 8 for
            ``dynamic``, none for ``imported``. Runtimes have 8 bits for both: fewer extrapolate their arithmetic.
        calibration: Key of ``CALIBRATIONS``: ``mse``, ``percentile`` or ``max``. Method ``qat`` starts from it, as from
            the two options that follow.
        percentile: Of the sizes of activations, above 50 and at most 100, with calibration ``percentile`` only.
        bias_correction: Whether biases take up the mean error of their channel; every layer has a bias then.
        equalization: Whether neighbouring layers share their ranges out before they are quantized.
        layer_bits: Other widths for some layers: a pattern of names (``*``, ``?``, ``[...]``) and ``weights``,
            ``activations`` or both. Names are those of the deployed network's steps: layers with weights have weights,
            ReLUs, tables and the quantizers between layers (``conv_out``, ``add_in``) have activations. With
            ``dynamic`` they are those of the float network's layers with weights (``layers.0``), and ``activations``
            is the width of what these read, at most 8. Of several patterns with a number for a layer the last one
            counts; one that names no layer is refused.
        table_bits: Width of the codes that tables of activations are looked up with; without it that of activations,
            and at least 8.
        state_bits: Width of the codes in which recurrent layers keep their cell state.
        activations: Whether activations that can be negative have codes around zero (``symmetric``), or from the lowest
            to the highest value that was seen (``asymmetric``), with a whole number as zero point. Those that are never
            negative are as they are.
        scale: Whether step sizes are any numbers (``float``), or powers of two, so that codes are rescaled by shifts.
        runtime: Whose dynamic arithmetic: ``torchao`` (linear layers, symmetric, each row by itself), ``onnxruntime``
            (uint8 over the whole batch), ``onnxruntime_no_vnni`` (the same with the saturating kernel of older x86) or
            ``litert`` (int8, each row by itself).
        per_channel: Whether every output channel has a weight scale of its own. Without it: with ``qat`` and ``ptq`` it
            has not, with ``dynamic`` it is as the runtime has it, and with ``weight_only`` it has.
        min_elements: With ``dynamic`` and ``weight_only``, layers with fewer weights than this stay float.
        min_elements_of: Of which layers this is asked: of all ``layers``, as LiteRT does, or of ``convolutions`` alone,
            as Core ML Tools does.
        batch_rows: With ``dynamic``, rows that are computed at once; without it all that are evaluated together.
        fine_tuned: With ``float`` and ``ptq``, whether the float network is first fine-tuned as long as with ``qat``
            and in the same way, but without quantizers: a control, beside which is seen what quantizers do.
        fake_float: With ``qat``, and with ``ptq`` where ``fine_tuned``, whether what the fine-tuned weights answer
            without quantizers is kept, so that the stage ``disagreement`` compares the deployed network with it, too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["float", "qat", "ptq", "dynamic", "weight_only", "imported"]
    weight_bits: int
    activation_bits: int
    calibration: Literal["mse", "percentile", "max"] = "mse"
    percentile: float | None = None
    bias_correction: bool = False
    equalization: bool = False
    layer_bits: Mapping[str, LayerBits] = {}
    table_bits: int | None = None
    state_bits: int = STATE_BITS
    activations: Literal["symmetric", "asymmetric"] = "symmetric"
    scale: Literal["float", "power_of_two"] = "float"
    runtime: Literal["torchao", "onnxruntime", "onnxruntime_no_vnni", "litert"] = "torchao"
    per_channel: bool | None = None
    min_elements: Annotated[int, Field(ge=0)] = 0
    min_elements_of: Literal["layers", "convolutions"] = "layers"
    batch_rows: Annotated[int, Field(ge=1)] | None = None
    fine_tuned: bool = False
    fake_float: bool = False

    @model_validator(mode="before")
    @classmethod
    def _imported_networks_have_their_own_widths(cls, given: Any) -> Any:
        if not (isinstance(given, Mapping) and given.get("method") == "imported"):
            return given
        return {"weight_bits": NOT_SAID, "activation_bits": NOT_SAID} | dict(given)

    @model_validator(mode="after")
    def _widths_fit_the_method(self) -> Precision:
        for name, bits in (("weight_bits", self.weight_bits), ("activation_bits", self.activation_bits)):
            if self.method == "imported" and bits != NOT_SAID:
                raise LowlandError(f"{name} is {bits} with method imported; expected none: the network has its own")
            if self.method == "float" and bits != FLOAT_BITS:
                raise LowlandError(f"{name} is {bits} with method float; expected {FLOAT_BITS} (or method qat or ptq)")
            if self.method == "weight_only" and name == "activation_bits":
                if bits != FLOAT_BITS:
                    raise LowlandError(
                        f"{name} is {bits} with method weight_only; expected {FLOAT_BITS} (or method dynamic)"
                    )
            elif self.method in _CODED_FROM_FLOAT and not FEWEST_BITS <= bits <= MOST_BYTE_BITS:
                raise LowlandError(
                    f"{name} is {bits} with method {self.method}; expected {FEWEST_BITS} to {MOST_BYTE_BITS} bits"
                )
            elif self.method in ("qat", "ptq"):
                check_bits(name, bits)
        return self

    @model_validator(mode="after")
    def _widths_of_layers_fit_the_method(self) -> Precision:
        for pattern, widths in self.layer_bits.items():
            for name, bits in widths:
                if self.method == "dynamic" and bits is not None and bits > MOST_BYTE_BITS:
                    raise LowlandError(
                        f"layer_bits of {pattern!r} has {name} {bits} with method dynamic; expected {FEWEST_BITS} to "
                        f"{MOST_BYTE_BITS} bits"
                    )
        return self

    @model_validator(mode="after")
    def _other_widths_exist(self) -> Precision:
        if self.table_bits is not None:
            check_bits("table_bits", self.table_bits)
        check_bits("state_bits", self.state_bits)
        return self

    @model_validator(mode="after")
    def _options_fit_the_method(self) -> Precision:
        for name, methods in _METHODS_OF.items():
            value, default = getattr(self, name), type(self).model_fields[name].default
            if self.method not in methods and value != default:
                others = " or ".join(methods)
                raise LowlandError(
                    f"{name} is {value} with method {self.method}; expected no {name} (or method {others})"
                )
        return self

    @model_validator(mode="after")
    def _batches_where_they_matter(self) -> Precision:
        if self.batch_rows is not None and self.runtime not in PER_BATCH:
            raise LowlandError(
                f"batch_rows is {self.batch_rows} with runtime {self.runtime}, which scales each row by itself; "
                "expected no batch_rows, or runtime onnxruntime"
            )
        return self

    @model_validator(mode="after")
    def _a_percentile_where_it_is_used(self) -> Precision:
        if self.calibration != "percentile":
            if self.percentile is not None:
                raise LowlandError(
                    f"percentile is {self.percentile} with calibration {self.calibration}; expected calibration "
                    "percentile, or no percentile"
                )
        elif self.percentile is None or not 50 < self.percentile <= 100:
            raise LowlandError(
                f"percentile is {self.percentile} with calibration percentile; expected above 50 and at most 100, "
                "such as 99.9"
            )
        return self

    @model_validator(mode="after")
    def _something_was_fine_tuned(self) -> Precision:
        if self.fake_float and self.method == "ptq" and not self.fine_tuned:
            raise LowlandError(
                "fake_float is True with method ptq; expected fine_tuned: true beside it, or no fake_float: without "
                "fine-tuning it is the float network, which networks are compared with anyway"
            )
        return self

    @property
    def deployed_alone(self) -> bool:
        """Whether nothing but the deployed network is kept of it."""
        return not self.fake_float

    @property
    def as_trained(self) -> bool:
        """Whether it is about the float network as training left it; ``qat`` fine-tunes it in any case."""
        return not self.fine_tuned

    @property
    def most_weight_bits(self) -> int:
        """Width of the widest weight codes that a network can have; an imported one says it only once it is read."""
        if self.method == "imported":
            return MOST_BITS
        return max(self.weight_bits, *(bits.weights or 0 for bits in self.layer_bits.values()), 0)

    def planned(self) -> Iterator[Planned]:
        """What is measured of its cells beyond what is measured of all."""
        if self.method == "dynamic":
            yield Planned(family="performance", measures=("batch_sensitivity", "padding_sensitivity"))


class QuantizationOptions(BaseModel):
    """Options of the quantization stage that all precisions share.

    Attributes:
        input_bits: Width of the input codes, 2 to 16: what the sensor delivers, whatever the network computes in.
        calibration_rows: Training samples that set the activation scales, at least 1.
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
    def _some_rows(cls, samples: int) -> int:
        if samples < 1:
            raise LowlandError(f"calibration_rows is {samples}; expected at least 1")
        return samples
