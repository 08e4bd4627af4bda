"""A question's network as an ONNX file in float32, whatever may move in it being an input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lowland.certification.real_network import Operation, Rounding
from lowland.certification.smt.exact_network import ExactOperation
from lowland.certification.smt.questions import Question
from lowland.errors import LowlandError
from lowland.export.onnx_graph import OPSET, OnnxGraph, onnx_package
from lowland.quantization.graph.affine import Affine
from lowland.quantization.graph.step import INPUTS

_IR_VERSION = 8  # of onnx 1.13, the release of opset 18
_MOVE = "move"  # of a quantizer's results, beside weight and bias


@dataclass(frozen=True, slots=True)
class Moving:
    """Numbers that may move, at their places in the file's input.

    Attributes:
        name: ``inputs``, a parameter, or ``<operation>.move`` of a quantizer of activations.
        start: Their first place.
        shape: Without rows.
    """

    name: str
    start: int
    shape: tuple[int, ...]

    @property
    def stop(self) -> int:
        """The place behind their last one."""
        return self.start + torch.Size(self.shape).numel()


def moving_parts(question: Question) -> dict[str, Moving]:
    """What the file's input consists of, in this order: the row, changes of weights and biases, quantizers' movements.

    Args:
        question: Whose boxes they move in.
    """
    real = question.query.network
    shapes = {INPUTS: tuple(question.query.inputs.lower.shape[1:])}
    radii = question.query.box.radii
    shapes |= {name: tuple(radius.shape) for name, radius in radii.items() if name not in real.tied}
    shapes |= {
        f"{name}.{_MOVE}": operation.shape
        for name, operation in real.operations.items()
        if isinstance(operation.layer, Rounding)
    }
    parts: dict[str, Moving] = {}
    start = 0
    for name, shape in shapes.items():
        parts[name] = Moving(name, start, shape)
        start = parts[name].stop
    return parts


def onnx_network(question: Question, *, with_float: bool) -> Any:
    """The margin as an ``onnx.ModelProto`` of one input ``X`` [1, numbers that may move] and one output ``Y``.

    Args:
        question: Local or global.
        with_float: Whether ``Y`` has the float network's margin as well, behind the margin in the box.

    Raises:
        LowlandError: The package onnx is missing.
    """
    graph, parts = OnnxGraph(), moving_parts(question)
    built = _Built(question, graph, parts)
    margins = [_margin(built, "box", {name: built.part(name) for name in parts})]
    if with_float:
        margins.append(_margin(built, "float", {INPUTS: built.part(INPUTS)}))
    graph.begin("Y")
    result = graph.node("Concat", *margins, axis=1) if with_float else margins[0]
    helper = graph.helper
    graph.nodes.append(helper.make_node("Identity", [result], ["Y"], "Y"))
    size = next(reversed(parts.values())).stop
    typed = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(np.float32)), [1, width])
        for name, width in (("X", size), ("Y", len(margins)))
    ]
    made = helper.make_graph(graph.nodes, "question", typed[:1], typed[1:], list(graph.constants.values()))
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION, producer_name="lowland"
    )
    onnx_package().checker.check_model(model)
    return model


@dataclass(frozen=True, eq=False)
class _Built:
    question: Question
    graph: OnnxGraph
    parts: Mapping[str, Moving]
    _found: dict[str, str] = field(default_factory=dict)

    def part(self, name: str) -> str:
        """A part of the input in its own shape; the row with a dimension for rows."""
        if name not in self._found:
            part = self.parts[name]
            self.graph.begin(f"part/{name}")
            ends = (self.graph.constant([part.start]), self.graph.constant([part.stop]), self.graph.constant([1]))
            sliced = self.graph.node("Slice", "X", *ends)
            has_rows = name == INPUTS or name.endswith(f".{_MOVE}")
            shape = [1, *part.shape] if has_rows else list(part.shape)
            self._found[name] = self.graph.node("Reshape", sliced, self.graph.constant(shape))
        return self._found[name]


def _margin(built: _Built, scope: str, moving: Mapping[str, str]) -> str:
    """The margin [1, 1] of the network, with what moves in it."""
    question, graph = built.question, built.graph
    values = {INPUTS: moving[INPUTS]}
    for name, exact in question.network.operations.items():
        graph.begin(f"{scope}/{name}")
        operation = exact.operation
        operands = [values[source] for source in operation.inputs]
        if isinstance(operation.layer, Rounding) and scope == "float":
            values[name] = operands[0]
            continue
        if operation.kind == "linear":
            values[name] = _linear(graph, exact, operands, question.network.sizes)
            continue
        rule = next((rule for kind, rule in _RULES.items() if isinstance(operation.layer, kind)), None)
        if rule is None:
            raise LowlandError(f"{name} is {type(operation.layer).__name__}, which has no rule for ONNX yet")
        parameters = {of: _parameter(graph, operation, of, moving) for of in operation.parameters}
        values[name] = rule(graph, operation.layer, operands[0], parameters)
        if (move := moving.get(f"{name}.{_MOVE}")) is not None:
            values[name] = graph.node("Add", values[name], move)
    graph.begin(f"{scope}/margin")
    signs = torch.zeros(question.network.sizes[question.output], 1)
    for place, sign in question.signs:
        signs[place] = sign
    outputs = graph.node("Reshape", values[question.output], graph.constant([1, -1]))
    return graph.node("MatMul", outputs, graph.constant(signs))


def _parameter(graph: OnnxGraph, operation: Operation, of: str, moving: Mapping[str, str]) -> str:
    """A weight or bias: a constant, plus its change where it moves."""
    constant = graph.constant(operation.parameters[of].float())
    change = moving.get(f"{operation.owner or operation.name}.{of}")
    return constant if change is None else graph.node("Add", constant, change)


def _linear(graph: OnnxGraph, exact: ExactOperation, operands: list[str], sizes: Mapping[str, int]) -> str:
    """Changes of shape, sums, means: one matrix an operand."""
    terms, constants = zip(*exact.sums, strict=True)
    result = graph.constant(torch.tensor([[float(constant) for constant in constants]]))
    for index, (operand, source) in enumerate(zip(operands, exact.operation.inputs, strict=True)):
        matrix = torch.zeros(sizes[source], len(terms))
        for place, row in enumerate(terms):
            for _, i, by in (term for term in row if term[0] == index):
                matrix[i, place] = float(by)
        flat = graph.node("Reshape", operand, graph.constant([1, -1]))
        identity = matrix.shape[0] == matrix.shape[1] and bool((matrix == torch.eye(len(matrix))).all())
        result = graph.node("Add", result, flat if identity else graph.node("MatMul", flat, graph.constant(matrix)))
    return graph.node("Reshape", result, graph.constant([1, *exact.operation.shape]))


Rule = Callable[[OnnxGraph, Any, str, Mapping[str, str]], str]


def _dense(graph: OnnxGraph, layer: nn.Linear, value: str, parameters: Mapping[str, str]) -> str:
    turned = graph.node("Transpose", parameters["weight"], perm=[1, 0])
    result = graph.node("MatMul", value, turned)
    return graph.node("Add", result, parameters["bias"]) if "bias" in parameters else result


def _convolution(graph: OnnxGraph, layer: Any, value: str, parameters: Mapping[str, str]) -> str:
    settings: dict[str, Any] = {
        "strides": list(layer.stride),
        "pads": [*_padding(layer), *_padding(layer)],
        "dilations": list(layer.dilation),
        "group": layer.groups,
    }
    name = "Conv"
    if isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d):
        name, settings["output_padding"] = "ConvTranspose", list(layer.output_padding)
    return graph.node(name, value, *(parameters[of] for of in ("weight", "bias") if of in parameters), **settings)


def _padding(layer: Any) -> list[int]:
    if layer.padding == "valid":
        return [0] * len(layer.stride)
    if isinstance(layer.padding, str):
        raise LowlandError(f"a convolution has the padding {layer.padding!r}; expected numbers of places")
    return list(layer.padding)


def _affine(graph: OnnxGraph, layer: Affine, value: str, parameters: Mapping[str, str]) -> str:
    shape = graph.constant([-1, *[1] * (-1 - layer.dim)])
    result = graph.node("Mul", value, graph.node("Reshape", parameters["weight"], shape))
    if "bias" in parameters:
        result = graph.node("Add", result, graph.node("Reshape", parameters["bias"], shape))
    return result


def _clip(graph: OnnxGraph, low: float, high: float, value: str) -> str:
    ends = [graph.constant(np.array(end, dtype=np.float32)) for end in (low, high)]
    return graph.node("Clip", value, *ends)


def _maximum(graph: OnnxGraph, layer: Any, value: str, parameters: Mapping[str, str]) -> str:
    places = 1 if isinstance(layer, nn.MaxPool1d) else 2

    def each(setting: int | tuple[int, ...]) -> list[int]:
        return list(setting) if isinstance(setting, tuple) else [setting] * places

    return graph.node(
        "MaxPool",
        value,
        kernel_shape=each(layer.kernel_size),
        strides=each(layer.stride),
        pads=each(layer.padding) * 2,
        dilations=each(layer.dilation),
        ceil_mode=int(layer.ceil_mode),
    )


_RULES: dict[type[nn.Module] | tuple[type[nn.Module], ...], Rule] = {
    nn.Linear: _dense,
    (nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d): _convolution,
    Affine: _affine,
    nn.ReLU: lambda graph, layer, value, _: graph.node("Relu", value),
    nn.LeakyReLU: lambda graph, layer, value, _: graph.node("LeakyRelu", value, alpha=layer.negative_slope),
    nn.Hardtanh: lambda graph, layer, value, _: _clip(graph, layer.min_val, layer.max_val, value),
    Rounding: lambda graph, layer, value, _: _clip(graph, layer.lowest, layer.highest, value),
    (nn.MaxPool1d, nn.MaxPool2d): _maximum,
}


def point_of(question: Question, values: Mapping[str, Tensor]) -> Tensor:
    """The file's input [1, numbers that may move] for one choice of them.

    Args:
        question: Whose boxes they lie in.
        values: The row by ``inputs``, changes of parameters by name, movements by ``<operation>.move``; else 0.
    """
    parts = moving_parts(question)
    point = torch.zeros(1, next(reversed(parts.values())).stop, dtype=torch.float64)
    for name, value in values.items():
        point[0, parts[name].start : parts[name].stop] = value.flatten().to(torch.float64)
    return point.float()
