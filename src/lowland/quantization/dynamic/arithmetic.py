"""Dynamic arithmetic as runtimes do it: each is a record, and no two of them give the same bits."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict

from lowland.errors import LowlandError

_ALL = ("linear", "conv1d", "conv2d", "conv_transpose2d")


class ActivationCoding(BaseModel):
    r"""How float activations become codes when they are needed.

    With :math:`n = 2^{bits} - 1`, range :math:`[l, h]` that always includes 0, scale :math:`s` and zero point
    :math:`z`: :math:`q = \mathrm{clip}(\mathrm{round}(x / s) + z)`, ties to the even integer.

    Attributes:
        granularity: Of the range: the whole ``batch`` that is computed at once, or a ``row`` of it (a vector of a
            linear layer, a sample of a convolution).
        zero_point: ``none``: symmetric, s = max|x| / (n / 2); ``lowest``: z = lowest code - l / s; ``nearer``: from
            whichever end of the range errs less.
        signed: Whether codes begin at -2^(bits-1) instead of 0.
        scaling: ``divide``: x / s; ``reciprocal``: x * (1 / s); ``inverse``: x * (n / (h - l)), s its reciprocal.
        smallest_scale: Floor of the scale, in the unit of the data; 0 for none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    granularity: Literal["batch", "row"]
    zero_point: Literal["none", "lowest", "nearer"]
    signed: bool
    scaling: Literal["divide", "reciprocal", "inverse"]
    smallest_scale: float = 0.0


class WeightCoding(BaseModel):
    """How weights become codes, once and for all; symmetric always.

    Attributes:
        narrow: Whether codes are ±(2^(bits-1) - 1), with s = max|w| over the highest of them; otherwise all codes are
            used, with s = max|w| / (2^(bits-1) - 1/2).
        scaling: As of activations.
        smallest_scale: Likewise.
        channels: Kinds of layers that can have a scale for each output channel.
        per_channel: Whether they have it if nobody says otherwise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    narrow: bool
    scaling: Literal["divide", "reciprocal"] = "divide"
    smallest_scale: float = 0.0
    channels: tuple[str, ...]
    per_channel: bool


class DynamicArithmetic(BaseModel):
    """The arithmetic of a runtime, to the last bit of float32.

    Attributes:
        name: Its key in ``ARITHMETICS``.
        layers: Kinds of layers that it computes in codes; all others stay float.
        activations: ``None``: they stay float, only weights are coded.
        weights: How these are coded.
        rescaling: Of the exact accumulator a, activation scale s, weight scale t and bias b: ``scales_first``:
            a * (s * t) + b; ``activations_first``: (a * s) * t + b; ``fused``: the same with the last product and the
            sum rounded once.
        saturating: Kinds of layers whose kernel adds two neighbouring products in 16 bits that saturate (``vpmaddubsw``
            of x86 without VNNI); all others are exact.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    layers: tuple[str, ...]
    activations: ActivationCoding | None
    weights: WeightCoding
    rescaling: Literal["scales_first", "activations_first", "fused"]
    saturating: tuple[str, ...] = ()

    @property
    def depends_on_batch(self) -> bool:
        """Whether the outputs of a row can depend on its neighbours."""
        return self.activations is not None and self.activations.granularity == "batch"


_ONNXRUNTIME = DynamicArithmetic(
    name="onnxruntime",
    layers=("linear", "conv1d", "conv2d"),
    activations=ActivationCoding(granularity="batch", zero_point="lowest", signed=False, scaling="divide"),
    weights=WeightCoding(narrow=True, channels=("linear",), per_channel=False),
    rescaling="scales_first",
)
_EPSILON = torch.finfo(torch.float32).eps

ARITHMETICS: dict[str, DynamicArithmetic] = {
    arithmetic.name: arithmetic
    for arithmetic in (
        DynamicArithmetic(
            name="torchao",
            layers=("linear",),
            activations=ActivationCoding(
                granularity="row", zero_point="none", signed=True, scaling="reciprocal", smallest_scale=_EPSILON
            ),
            weights=WeightCoding(
                narrow=False, scaling="reciprocal", smallest_scale=_EPSILON, channels=("linear",), per_channel=True
            ),
            rescaling="activations_first",
        ),
        _ONNXRUNTIME,
        _ONNXRUNTIME.model_copy(update={"name": "onnxruntime_no_vnni", "saturating": ("linear",)}),
        DynamicArithmetic(
            name="litert",
            layers=("linear", "conv1d", "conv2d"),
            activations=ActivationCoding(granularity="row", zero_point="nearer", signed=True, scaling="inverse"),
            weights=WeightCoding(narrow=True, channels=_ALL, per_channel=True),
            rescaling="fused",
        ),
    )
}
"""Runtimes with dynamic arithmetic, each verified against the runtime itself in ``tests/quantization/dynamic``.

- ``torchao`` 0.18, ``Int8DynamicActivationInt8WeightConfig``: linear layers, each vector by itself, symmetric.
- ``onnxruntime`` 1.32, ``quantize_dynamic``: uint8 over the whole batch. Linear layers can have weight scales for each
  channel (``per_channel=True`` there); convolutions have one scale in any case.
- ``onnxruntime_no_vnni``: the same on x86 without VNNI instructions, whose kernel for linear layers saturates.
- ``litert`` 2.3 with XNNPACK, its default: int8 for each row. Depthwise convolutions run in another kernel there, whose
  float32 roundings differ in the last bits.

All of them have 8 bits; with fewer these records are extrapolations that no runtime offers.
"""

WEIGHT_ONLY = DynamicArithmetic(
    name="weight_only",
    layers=_ALL,
    activations=None,
    weights=WeightCoding(narrow=True, channels=_ALL, per_channel=True),
    rescaling="scales_first",
)
"""Weights in codes, everything else float32: the linear symmetric weights of Core ML Tools."""


def arithmetic_of(name: str) -> DynamicArithmetic:
    """The arithmetic of a runtime.

    Args:
        name: A key of ``ARITHMETICS``.

    Raises:
        LowlandError: There is none of this name.
    """
    if name not in ARITHMETICS:
        raise LowlandError(f"runtime is {name!r}; expected one of {', '.join(ARITHMETICS)}")
    return ARITHMETICS[name]
