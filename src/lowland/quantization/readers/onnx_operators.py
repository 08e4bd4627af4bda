"""What the operators of QONNX files mean for integers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lowland.coding.codes import code_range, signed_width
from lowland.quantization.readers.activations import activated
from lowland.quantization.readers.assembler import Assembler
from lowland.quantization.readers.flow import CodeRange, Codes, Flow, Layer, NotInteger
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
            return _quantized_constant(node, operands)
        first = operands[0] if operands else None
        if isinstance(first, Coded):
            rest = [plain(operand) for operand in operands[1:]]
            if node.kind in _MOVING:
                codes, scale = (
                    computed(node, [part, *rest], self.opset) for part in (first.codes, first.scale)
                )
                return Coded(codes, scale, first.bits)
            if node.kind in ("Mul", "Div") and all(bool((value > 0).all()) for value in rest if value is not None):
                scale = computed(node, [first.scale.astype(np.float64), *[r.astype(np.float64) for r in rest]], self.opset)
                if scale.shape == first.codes.shape:
                    return Coded(first.codes, scale, first.bits)
        if node.kind == "Constant" and not operands:
            return np.asarray(next(iter(node.attributes.values())))
        return computed(node, [plain(operand) for operand in operands], self.opset)


def plain(value: Any) -> Any:
    """A constant as an array; ``None`` as it is."""
    return value.values.astype(np.float32) if isinstance(value, Coded) else value


def _exact(value: Any) -> Tensor:
    """A constant in float64."""
    return torch.from_numpy(np.array(value.values if isinstance(value, Coded) else value, dtype=np.float64))


def _constant(value: Any, what: str) -> Any:
    if isinstance(value, Flow):
        raise NotInteger(f"has {what} that depend on the data: expected constants")
    return value


def _quantizer(node: OnnxNode, operands: Sequence[Any]) -> tuple[np.ndarray, int, int, bool, bool]:
    """Scale, zero point, bits, sign and narrowness of a Quant node."""
    if node.kind not in ("Quant", "IntQuant"):
        raise NotInteger(f"({node.kind}) has no integer step: expected Quant nodes")
    scale, zero, bits = (np.asarray(plain(_constant(value, "scales or widths"))) for value in operands[1:4])
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


def _quantized_constant(node: OnnxNode, operands: list[Any]) -> Coded:
    """Weights or biases in codes."""
    values = np.asarray(plain(operands[0]), dtype=np.float32)
    if node.kind == "BipolarQuant":
        scale = np.asarray(plain(operands[1]), dtype=np.float32)
        codes = np.where(values / scale >= 0, 1, -1)
        return Coded(codes.astype(np.int64), np.broadcast_to(scale, values.shape).copy(), 2)
    scale, zero, bits, signed, narrow = _quantizer(node, operands)
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


def _quant(context: Context, node: OnnxNode, value: Any, *others: Any) -> Flow:
    if node.kind == "BipolarQuant":
        raise NotInteger("gives activations -1 and 1: expected Quant with two bits, or unsigned ones")
    scale, zero, bits, signed, narrow = _quantizer(node, [value, *others])
    if bits == 1 and signed:
        raise NotInteger("gives activations of one bit with a sign, -1 and 1: expected two bits, or unsigned ones")
    first = value.kind == "real" and not context.assembler.steps
    to = CodeRange(bits, signed, torch.from_numpy(scale.astype(np.float32)), narrow, zero)
    return context.assembler.quantize(value, to, "input" if first else node.name)


def _codes(value: Any, channel: int) -> Codes:
    """A constant as the weights of a layer, with one scale or one along its channels.

    Args:
        value: The constant.
        channel: Its dimension of output channels.
    """
    if isinstance(value, Flow):
        raise NotInteger("multiplies two values that both depend on the data")
    if not isinstance(value, Coded):
        raise NotInteger("has weights that nobody quantizes: expected a Quant node before them")
    codes = torch.from_numpy(np.array(value.codes))
    scale = torch.from_numpy(np.array(value.scale, dtype=np.float32))
    if bool((scale == scale.flatten()[0]).all()):
        return Codes(codes, scale.flatten()[0].clone(), value.bits)
    view = tuple(slice(None) if dim == channel else slice(1) for dim in range(codes.ndim))
    one = scale[view]
    if not bool((one == scale).all()):
        raise NotInteger("has weights with scales that differ within a channel: expected one a tensor or a channel")
    return Codes(codes, one.clone(), value.bits)


def _linear(context: Context, node: OnnxNode, value: Any, weight: Any, bias: Any, *, transposed: bool) -> Flow:
    if not isinstance(value, Flow):
        raise NotInteger("multiplies constants by values: expected values first")
    if isinstance(weight, Coded):
        if weight.codes.ndim != 2:
            raise NotInteger(f"multiplies by a constant of shape {weight.codes.shape}: expected a matrix")
        if not transposed:
            weight = Coded(weight.codes.T, weight.scale.T, weight.bits)
    codes = _codes(weight, 0)
    outputs, inputs = codes.codes.shape
    layer = Layer(node.name, "linear", {"in_features": int(inputs), "out_features": int(outputs)}, codes)
    summand = None if bias is None else _exact(_constant(bias, "biases")).flatten().expand(outputs)
    return context.assembler.weighted(value, layer, summand)


def _matmul(context: Context, node: OnnxNode, value: Any, weight: Any) -> Flow:
    return _linear(context, node, value, weight, None, transposed=False)


def _gemm(context: Context, node: OnnxNode, value: Any, weight: Any, bias: Any = None) -> Flow:
    given = node.attributes
    if given.get("transA", 0) or given.get("alpha", 1.0) != 1 or (bias is not None and given.get("beta", 1.0) != 1):
        raise NotInteger("has transA, alpha or beta: expected none of them")
    return _linear(context, node, value, weight, bias, transposed=bool(given.get("transB", 0)))


def _pads(node: OnnxNode, sizes: int) -> list[int]:
    """Padding of each dimension, equal on both sides."""
    if node.attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise NotInteger(f"is padded by {node.attributes['auto_pad']}: expected pads in numbers")
    pads = list(node.attributes.get("pads", [0] * 2 * sizes))
    if pads[:sizes] != pads[sizes:]:
        raise NotInteger(f"is padded by {pads}: expected as much at both ends")
    return pads[:sizes]


def _convolution(context: Context, node: OnnxNode, value: Any, weight: Any, bias: Any = None) -> Flow:
    transposed = node.kind == "ConvTranspose"
    if not isinstance(value, Flow):
        raise NotInteger("has inputs that are constants")
    codes = _codes(weight, 1 if transposed else 0)
    count = codes.codes.ndim - 2
    groups = int(node.attributes.get("group", 1))
    if count not in (1, 2):
        raise NotInteger(f"moves along {count} dimensions: expected 1 or 2")
    if transposed and (groups > 1 or node.attributes.get("output_shape")):
        raise NotInteger("is transposed and has groups or an output_shape: expected neither")
    first, second, *kernel = (int(size) for size in codes.codes.shape)
    sizes: dict[str, Any] = {
        "in_channels": first if transposed else second * groups,
        "out_channels": second if transposed else first,
        "kernel_size": kernel,
        "stride": list(node.attributes.get("strides", [1] * count)),
        "padding": _pads(node, count),
        "dilation": list(node.attributes.get("dilations", [1] * count)),
        "groups": groups,
    }
    if transposed:
        sizes["output_padding"] = list(node.attributes.get("output_padding", [0] * count))
    kind = f"conv{'_transpose' if transposed else ''}{count}d"
    summand = None if bias is None else _exact(_constant(bias, "biases")).flatten()
    return context.assembler.weighted(value, Layer(node.name, kind, sizes, codes), summand)


def _times(context: Context, flow: Flow, gain: Tensor | None, shift: Tensor | None) -> Flow:
    """A value times constants plus others, in shapes that go with values [rows, ...]."""
    ndim = 1 + len(context.assembler.shape(flow))
    given = (torch.ones(()) if gain is None else gain, torch.zeros(()) if shift is None else shift)
    return context.assembler.times(flow, *(_of_a_row(values, ndim) for values in given))


def _of_a_row(values: Tensor, ndim: int) -> Tensor:
    """A constant without its dimension of rows, a scalar where all are equal."""
    if values.ndim > ndim or (values.ndim == ndim and values.shape[0] != 1):
        raise NotInteger(f"combines a value with a constant of shape {tuple(values.shape)}: expected one for all rows")
    values = (values[0] if values.ndim == ndim else values).double()
    if bool((values == values.flatten()[0]).all()):
        return values.flatten()[0]
    while values.ndim > 1 and values.shape[0] == 1:
        values = values[0]
    return values


def _add(context: Context, node: OnnxNode, first: Any, second: Any) -> Flow:
    sign = -1.0 if node.kind == "Sub" else 1.0
    if isinstance(first, Flow) and isinstance(second, Flow):
        if sign < 0:
            second = _times(context, second, torch.tensor(-1.0), None)
        return context.assembler.joined([first, second], "add", node.name)
    if isinstance(first, Flow):
        return _times(context, first, None, sign * _exact(second))
    return _times(context, second, torch.tensor(sign), _exact(first))


def _multiply(context: Context, node: OnnxNode, first: Any, second: Any) -> Flow:
    if isinstance(first, Flow) and isinstance(second, Flow):
        if node.kind == "Div":
            raise NotInteger("divides two values that both depend on the data")
        return context.assembler.joined([first, second], "multiply", node.name)
    if isinstance(first, Flow):
        constant = _exact(second)
        return _times(context, first, 1 / constant if node.kind == "Div" else constant, None)
    if node.kind == "Div":
        raise NotInteger("divides a constant by values")
    return _times(context, second, _exact(first), None)


def _batch_norm(context: Context, node: OnnxNode, value: Flow, *parameters: Any) -> Flow:
    weight, bias, mean, variance = (_exact(_constant(parameter, "statistics")) for parameter in parameters)
    gain = weight / (variance + float(node.attributes.get("epsilon", 1e-5))).sqrt()
    view = (-1, *[1] * (len(context.assembler.shape(value)) - 1))
    return _times(context, value, gain.reshape(view), (bias - mean * gain).reshape(view))


def _activation(function: str, arguments: Callable[[OnnxNode], dict[str, Any]]) -> Callable[..., Flow]:
    def handler(context: Context, node: OnnxNode, value: Flow) -> Flow:
        return activated(context.assembler, value, function, arguments(node), node.name)

    return handler


def _clip(context: Context, node: OnnxNode, value: Flow, low: Any = None, high: Any = None) -> Flow:
    bounds = [node.attributes.get("min") if low is None else low, node.attributes.get("max") if high is None else high]
    numbers = [None if bound is None else float(np.asarray(plain(_constant(bound, "limits"))).flat[0]) for bound in bounds]
    return activated(context.assembler, value, "clamp", {"min": numbers[0], "max": numbers[1]}, node.name)


def _pool(context: Context, node: OnnxNode, value: Flow) -> Flow:
    given = node.attributes
    kernel = [int(size) for size in given["kernel_shape"]]
    padding = _pads(node, len(kernel))
    sizes = {"kernel_size": kernel, "stride": list(given.get("strides", [1] * len(kernel))), "padding": padding}
    ceil = bool(given.get("ceil_mode", 0))
    if len(kernel) not in (1, 2):
        raise NotInteger(f"moves along {len(kernel)} dimensions: expected 1 or 2")
    if node.kind == "MaxPool":
        more = {"dilation": list(given.get("dilations", [1] * len(kernel))), "ceil_mode": ceil}
        return context.assembler.passing(value, f"max_pool{len(kernel)}d", node.name, **sizes, **more)
    if ceil or (any(padding) and not given.get("count_include_pad", 0)):
        raise NotInteger("divides by changing numbers: expected count_include_pad and no ceil_mode")
    sizes |= {"ceil_mode": False, "count_include_pad": True}
    if len(kernel) == 2:
        sizes["divisor_override"] = None
    return context.assembler.passing(value, f"avg_pool{len(kernel)}d", node.name, **sizes)


def _mean(context: Context, node: OnnxNode, value: Flow, axes: Any = None) -> Flow:
    shape = context.assembler.shape(value)
    if node.kind == "GlobalAveragePool":
        dims, keep = list(range(2, len(shape) + 1)), True
    else:
        chosen = node.attributes.get("axes") if axes is None else np.asarray(axes).flatten().tolist()
        dims = [int(axis) % (len(shape) + 1) for axis in (chosen or [0])]
        keep = bool(node.attributes.get("keepdims", 1))
    if 0 in dims:
        raise NotInteger("takes the mean over rows")
    count = int(np.prod([shape[dim - 1] for dim in dims]))
    ends = [dim - len(shape) - 1 for dim in dims]
    return context.assembler.passing(value, "mean", node.name, dims=ends, keepdim=keep, count=count)


def _reshaped(context: Context, node: OnnxNode, value: Flow, shape: tuple[int, ...]) -> Flow:
    """Another shape, given for one row."""
    if shape[0] != 1:
        raise NotInteger(f"makes {shape} of one row: expected rows to stay first")
    if shape[1:] == context.assembler.shape(value):
        return value
    if len(shape) == 2:
        return context.assembler.passing(value, "flatten", node.name, start_dim=1, end_dim=-1)
    return context.assembler.passing(value, "reshape", node.name, shape=list(shape[1:]))


def _reshape(context: Context, node: OnnxNode, value: Flow, *others: Any) -> Flow:
    """Reshape, Flatten, Squeeze, Unsqueeze: as they are for one row."""
    row = np.zeros((1, *context.assembler.shape(value)), dtype=np.float32)
    rest = [plain(_constant(other, "sizes")) for other in others]
    return _reshaped(context, node, value, computed(node, [row, *rest], context.opset).shape)


def _transpose(context: Context, node: OnnxNode, value: Flow) -> Flow:
    count = 1 + len(context.assembler.shape(value))
    order = [int(dim) for dim in node.attributes.get("perm", range(count)[::-1])]
    if order[0] != 0:
        raise NotInteger("moves the rows: expected them to stay first")
    if order == list(range(count)):
        return value
    return context.assembler.passing(value, "permute", node.name, dims=order)


def _concat(context: Context, node: OnnxNode, *values: Any) -> Flow:
    if not all(isinstance(value, Flow) for value in values):
        raise NotInteger("puts constants beside values: expected values alone")
    axis = int(node.attributes["axis"]) % (1 + len(context.assembler.shape(values[0])))
    if axis == 0:
        raise NotInteger("puts rows behind each other")
    return context.assembler.joined(values, "concat", node.name, dim=axis)


def _pad(context: Context, node: OnnxNode, value: Flow, pads: Any = None, fill: Any = None, axes: Any = None) -> Flow:
    chosen = node.attributes.get("pads") if pads is None else np.asarray(pads).flatten().tolist()
    filled = node.attributes.get("value", 0.0) if fill is None else float(np.asarray(plain(fill)).flat[0])
    count = 1 + len(context.assembler.shape(value))
    if node.attributes.get("mode", "constant") != "constant" or filled or axes is not None or len(chosen) != 2 * count:
        raise NotInteger("pads by something else than zeros on all dimensions")
    ends = [(int(chosen[dim]), int(chosen[dim + count])) for dim in range(count)]
    if ends[0] != (0, 0):
        raise NotInteger("pads rows")
    if not any(any(end) for end in ends):
        return value
    flat = [size for end in reversed(ends[1:]) for size in end]
    return context.assembler.passing(value, "pad", node.name, pad=flat)


def _shape(context: Context, node: OnnxNode, value: Flow) -> np.ndarray:
    return np.array([1, *context.assembler.shape(value)], dtype=np.int64)


def _same(context: Context, node: OnnxNode, value: Flow, *others: Any) -> Flow:
    return value


def _refused(context: Context, node: OnnxNode, *values: Any) -> Flow:
    raise NotInteger({
        "Trunc": "cuts off low bits, for which there is no integer step: expected an average pool and a Quant node",
        "FloatQuant": "rounds to small floats: expected Quant, integers",
    }[node.kind])


OPERATORS: dict[str, Callable[..., Value]] = {
    "Quant": _quant,
    "IntQuant": _quant,
    "BipolarQuant": _quant,
    "Trunc": _refused,
    "FloatQuant": _refused,
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Conv": _convolution,
    "ConvTranspose": _convolution,
    "Add": _add,
    "Sub": _add,
    "Mul": _multiply,
    "Div": _multiply,
    "BatchNormalization": _batch_norm,
    "Relu": _activation("relu", lambda node: {}),
    "Sigmoid": _activation("sigmoid", lambda node: {}),
    "Tanh": _activation("tanh", lambda node: {}),
    "LeakyRelu": _activation("leaky_relu", lambda node: {"negative_slope": float(node.attributes.get("alpha", 0.01))}),
    "Elu": _activation("elu", lambda node: {"alpha": float(node.attributes.get("alpha", 1.0))}),
    "Softplus": _activation("softplus", lambda node: {}),
    "Clip": _clip,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "GlobalAveragePool": _mean,
    "ReduceMean": _mean,
    "Reshape": _reshape,
    "Flatten": _reshape,
    "Squeeze": _reshape,
    "Unsqueeze": _reshape,
    "Transpose": _transpose,
    "Concat": _concat,
    "Pad": _pad,
    "Shape": _shape,
    "Identity": _same,
    "Dropout": _same,
    "Cast": _same,
}
"""Operators of values by their name."""
