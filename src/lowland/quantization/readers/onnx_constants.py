"""Constants of QONNX files: weights in codes, and what files compute of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lowland.coding.codes import code_range, signed_width
from lowland.quantization.readers.assembler import Assembler
from lowland.quantization.readers.flow import Flow, NotInteger
from lowland.quantization.readers.onnx_graph import QUANTIZERS, OnnxNode, computed


@dataclass(frozen=True)
class Coded:
    """A constant in codes.

    Attributes:
        codes: int64.
        scale: Step sizes, float32, of the same shape.
        bits: Two's complement width.
    """

    codes: np.ndarray
    scale: np.ndarray
    bits: int

    @property
    def values(self) -> np.ndarray:
        """Codes times scale, float64."""
        return self.codes.astype(np.float64) * self.scale.astype(np.float64)


Value = np.ndarray | Coded | Flow

_MOVING = ("Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity")


@dataclass(frozen=True)
class Context:
    """What handlers build with.

    Attributes:
        assembler: Of the network.
        opset: Version of ONNX's own operators.
    """

    assembler: Assembler
    opset: int

    def constant(self, node: OnnxNode, operands: list[Any]) -> Value:
        """What a node makes of constants."""
        if node.kind in QUANTIZERS:
            return quantized(node, operands)
        first = operands[0] if operands else None
        if isinstance(first, Coded):
            rest = [plain(operand) for operand in operands[1:]]
            if node.kind in _MOVING:
                codes, scale = (computed(node, [part, *rest], self.opset) for part in (first.codes, first.scale))
                return Coded(codes, scale, first.bits)
            if node.kind in ("Mul", "Div") and all(bool((value > 0).all()) for value in rest if value is not None):
                scale = computed(
                    node, [first.scale.astype(np.float64), *[r.astype(np.float64) for r in rest]], self.opset
                )
                if scale.shape == first.codes.shape:
                    return Coded(first.codes, scale, first.bits)
        if node.kind == "Constant" and not operands:
            return np.asarray(next(iter(node.attributes.values())))
        return computed(node, [plain(operand) for operand in operands], self.opset)


def plain(value: Any) -> Any:
    """A constant as an array; ``None`` as it is."""
    return value.values.astype(np.float32) if isinstance(value, Coded) else value


def exact(value: Any) -> Tensor:
    """A constant in float64."""
    return torch.from_numpy(np.array(value.values if isinstance(value, Coded) else value, dtype=np.float64))


def constant_of(value: Any, what: str) -> Any:
    """A value that must be a constant.

    Args:
        value: What a node takes.
        what: It is, for messages.
    """
    if isinstance(value, Flow):
        raise NotInteger(f"has {what} that depend on the data: expected constants")
    return value


def quantizer_of(node: OnnxNode, operands: Sequence[Any]) -> tuple[np.ndarray, int, int, bool, bool]:
    """Scale, zero point, bits, sign and narrowness of a Quant node."""
    if node.kind not in ("Quant", "IntQuant"):
        raise NotInteger(f"({node.kind}) has no integer step: expected Quant nodes")
    scale, zero, bits = (np.asarray(plain(constant_of(value, "scales or widths"))) for value in operands[1:4])
    mode = str(node.attributes.get("rounding_mode", "ROUND")).upper()
    if mode not in ("ROUND", "HALF_EVEN"):
        raise NotInteger(f"rounds by {mode}: expected ROUND, to the nearest and ties to even")
    if bits.size != 1 or float(bits.flat[0]) != round(float(bits.flat[0])) or not 1 <= float(bits.flat[0]) <= 32:
        raise NotInteger(f"has {bits.flatten()[:4].tolist()} bits: expected one whole number from 1 to 32")
    if zero.size and bool((zero != zero.flat[0]).any() or zero.flat[0] != np.round(zero.flat[0])):
        raise NotInteger("has zero points that are no one whole number")
    if not bool((scale > 0).all()):
        raise NotInteger("has scales that are not above 0")
    narrow, signed = bool(node.attributes.get("narrow", 0)), bool(node.attributes.get("signed", 1))
    return scale, int(zero.flat[0]), int(bits.flat[0]), signed, narrow


def quantized(node: OnnxNode, operands: list[Any]) -> Coded:
    """Weights or biases in codes."""
    values = np.asarray(plain(operands[0]), dtype=np.float32)
    if not bool(np.isfinite(values).all()):
        raise NotInteger("has weights that are not finite")
    if node.kind == "BipolarQuant":
        scale = np.asarray(plain(operands[1]), dtype=np.float32)
        codes = np.where(values / scale >= 0, 1, -1)
        return Coded(codes.astype(np.int64), np.broadcast_to(scale, values.shape).copy(), 2)
    scale, zero, bits, signed, narrow = quantizer_of(node, operands)
    if zero:
        raise NotInteger(f"gives weights the zero point {zero}: expected 0")
    scale = scale.astype(np.float32)
    if bits == 1 and signed:
        codes = np.where(values / scale >= 0, 1, -1)
    else:
        lowest, highest = code_range(bits, signed=signed)
        lowest, highest = (lowest + narrow, highest) if signed else (lowest, highest - narrow)
        codes = np.round(np.clip(values / scale, lowest, highest))
    codes = codes.astype(np.int64)
    width = max(bits + (not signed), signed_width(torch.from_numpy(codes.copy()))) if codes.size else bits
    return Coded(codes, np.broadcast_to(scale, codes.shape).copy(), width)
