"""What the operators of QONNX files mean for integers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lowland.quantization.readers.activations import activated
from lowland.quantization.readers.flow import CodeRange, Flow, NotInteger
from lowland.quantization.readers.onnx_constants import Context, Value, constant_of, exact, plain, quantizer_of
from lowland.quantization.readers.onnx_graph import OnnxNode, computed
from lowland.quantization.readers.onnx_layers import convolution, gemm, matmul, mean, pool


def _quant(context: Context, node: OnnxNode, value: Any, *others: Any) -> Flow:
    if node.kind == "BipolarQuant":
        raise NotInteger("gives activations -1 and 1: expected Quant with two bits, or unsigned ones")
    scale, zero, bits, signed, narrow = quantizer_of(node, [value, *others])
    if bits == 1 and signed:
        raise NotInteger("gives activations of one bit with a sign, -1 and 1: expected two bits, or unsigned ones")
    first = value.kind == "real" and not context.assembler.steps
    to = CodeRange(bits, signed, torch.from_numpy(scale.astype(np.float32)), narrow, zero)
    return context.assembler.quantize(value, to, "input" if first else node.name)


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
        return _times(context, first, None, sign * exact(second))
    return _times(context, second, torch.tensor(sign), exact(first))


def _multiply(context: Context, node: OnnxNode, first: Any, second: Any) -> Flow:
    if isinstance(first, Flow) and isinstance(second, Flow):
        if node.kind == "Div":
            raise NotInteger("divides two values that both depend on the data")
        return context.assembler.joined([first, second], "multiply", node.name)
    if isinstance(first, Flow):
        constant = exact(second)
        return _times(context, first, 1 / constant if node.kind == "Div" else constant, None)
    if node.kind == "Div":
        raise NotInteger("divides a constant by values")
    return _times(context, second, exact(first), None)


def _batch_norm(context: Context, node: OnnxNode, value: Flow, *parameters: Any) -> Flow:
    weight, bias, mean, variance = (exact(constant_of(parameter, "statistics")) for parameter in parameters)
    gain = weight / (variance + float(node.attributes.get("epsilon", 1e-5))).sqrt()
    view = (-1, *[1] * (len(context.assembler.shape(value)) - 1))
    return _times(context, value, gain.reshape(view), (bias - mean * gain).reshape(view))


def _activation(function: str, arguments: Callable[[OnnxNode], dict[str, Any]]) -> Callable[..., Flow]:
    def handler(context: Context, node: OnnxNode, value: Flow) -> Flow:
        return activated(context.assembler, value, function, arguments(node), node.name)

    return handler


def _clip(context: Context, node: OnnxNode, value: Flow, low: Any = None, high: Any = None) -> Flow:
    bounds = [node.attributes.get("min") if low is None else low, node.attributes.get("max") if high is None else high]
    numbers = [
        None if bound is None else float(np.asarray(plain(constant_of(bound, "limits"))).flat[0]) for bound in bounds
    ]
    return activated(context.assembler, value, "clamp", {"min": numbers[0], "max": numbers[1]}, node.name)


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
    rest = [plain(constant_of(other, "sizes")) for other in others]
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
    chosen: list[Any] = (node.attributes.get("pads") or []) if pads is None else np.asarray(pads).flatten().tolist()
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


def _slice(context: Context, node: OnnxNode, value: Flow, *parts: Any) -> Flow:
    names = ("starts", "ends", "axes", "steps")
    told = dict(zip(names, parts, strict=False))
    chosen = [told.get(name) if told.get(name) is not None else node.attributes.get(name) for name in names]
    first, last, along, by = (
        None if part is None else np.asarray(constant_of(part, "places")).flatten().tolist() for part in chosen
    )
    for place, (start, end) in enumerate(zip(first or [], last or [], strict=True)):
        dim = (place if along is None else int(along[place])) % (1 + len(context.assembler.shape(value)))
        step = 1 if by is None else int(by[place])
        if dim == 0 or step < 1:
            raise NotInteger("picks rows, or goes backwards")
        size = context.assembler.shape(value)[dim - 1]
        part = {"start": int(start), "stop": min(int(end), size), "step": step}
        value = context.assembler.passing(value, "slice", node.name, dim=dim, **part)
    return value


def _shape(context: Context, node: OnnxNode, value: Flow) -> np.ndarray:
    return np.array([1, *context.assembler.shape(value)], dtype=np.int64)


def _same(context: Context, node: OnnxNode, value: Flow, *others: Any) -> Flow:
    return value


def _refused(context: Context, node: OnnxNode, *values: Any) -> Flow:
    raise NotInteger(
        {
            "Trunc": "cuts off low bits, for which there is no integer step: expected an average pool and a Quant node",
            "FloatQuant": "rounds to small floats: expected Quant, integers",
        }[node.kind]
    )


OPERATORS: dict[str, Callable[..., Value]] = {
    "Quant": _quant,
    "IntQuant": _quant,
    "BipolarQuant": _quant,
    "Trunc": _refused,
    "FloatQuant": _refused,
    "MatMul": matmul,
    "Gemm": gemm,
    "Conv": convolution,
    "ConvTranspose": convolution,
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
    "MaxPool": pool,
    "AveragePool": pool,
    "GlobalAveragePool": mean,
    "ReduceMean": mean,
    "Reshape": _reshape,
    "Flatten": _reshape,
    "Squeeze": _reshape,
    "Unsqueeze": _reshape,
    "Transpose": _transpose,
    "Concat": _concat,
    "Pad": _pad,
    "Slice": _slice,
    "Shape": _shape,
    "Identity": _same,
    "Dropout": _same,
    "Cast": _same,
}
"""Operators of values by their name."""
