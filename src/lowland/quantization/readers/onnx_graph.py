"""An ONNX file as nodes with attributes and constants, those that follow from constants computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lowland.errors import LowlandError

QUANTIZERS = ("Quant", "IntQuant", "BipolarQuant", "Trunc", "FloatQuant")
"""What QONNX adds to ONNX, whatever its domain is called in a file."""

_SHAPES = ("Shape", "Size")


@dataclass(frozen=True)
class OnnxNode:
    """One call.

    Attributes:
        kind: Of the operator (``MatMul``).
        name: Unique, of letters that names of steps can have.
        inputs: Names of what it takes; empty where an optional input is left out.
        output: Name of its first result.
        attributes: By name; bytes as strings, tensors as arrays.
        more: How many further results it has.
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any]
    more: int = 0
    proto: Any = field(default=None, repr=False, compare=False)

    @property
    def place(self) -> str:
        """For messages."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class OnnxGraph:
    """A graph with one input and one output.

    Attributes:
        nodes: In an order in which they can be computed.
        constants: Arrays by name.
        input: Name of the input.
        shape: Its sizes, that of the rows taken as 1.
        output: Name of the output.
        opset: Version of ONNX's own operators.
    """

    nodes: tuple[OnnxNode, ...]
    constants: Mapping[str, np.ndarray]
    input: str
    shape: tuple[int, ...]
    output: str
    opset: int


def onnx_package() -> Any:
    """The package ``onnx``.

    Raises:
        LowlandError: It is not installed.
    """
    try:
        import onnx
        import onnx.reference
    except ImportError as error:
        raise LowlandError("reading QONNX needs the package onnx; expected it: pip install -e '.[onnx]'") from error
    return onnx


def read_graph(path: str | Path) -> OnnxGraph:
    """The graph of a file.

    Args:
        path: Of an ``.onnx`` file.

    Raises:
        LowlandError: No file, no ONNX, several inputs or outputs, or an input of unknown size.
    """
    onnx = onnx_package()
    path = Path(path)
    if not path.is_file():
        raise LowlandError(f"no file {path}; expected a model in QONNX format")
    try:
        model = onnx.load(str(path))
    except Exception as error:  # whatever protobuf raises
        raise LowlandError(f"{path} cannot be read as ONNX ({_first_line(error)}); expected a model") from error
    graph = model.graph
    constants = {item.name: onnx.numpy_helper.to_array(item) for item in graph.initializer}
    inputs = [item for item in graph.input if item.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise LowlandError(
            f"{path} has {len(inputs)} inputs and {len(graph.output)} outputs; expected one of each, the inputs of a "
            "row in one tensor"
        )
    dims = inputs[0].type.tensor_type.shape.dim
    shape = tuple(int(dim.dim_value) for dim in dims)
    if len(shape) < 2 or any(size < 1 for size in shape[1:]):
        raise LowlandError(
            f"{path} has the input {inputs[0].name!r} of shape {[dim.dim_value or dim.dim_param for dim in dims]}; "
            "expected rows first and sizes in numbers behind them"
        )
    nodes = tuple(_node(onnx, node, place) for place, node in enumerate(graph.node))
    opset = max((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), default=13)
    return OnnxGraph(nodes, constants, inputs[0].name, (1, *shape[1:]), graph.output[0].name, opset)


def computed(node: OnnxNode, operands: list[np.ndarray | None], opset: int) -> np.ndarray:
    """What a node of ONNX's own makes of constants.

    Args:
        node: The node.
        operands: Its inputs; ``None`` where one is left out.
        opset: Version of the operators.
    """
    onnx = onnx_package()
    names = [name if operand is not None else "" for name, operand in zip(node.inputs, operands, strict=True)]
    infos = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.UNDEFINED, None)
        for name in dict.fromkeys(names)
        if name
    ]
    result = onnx.helper.make_tensor_value_info(node.output, onnx.TensorProto.UNDEFINED, None)
    graph = onnx.helper.make_graph([node.proto], "constant", infos, [result])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
    feeds = {name: operand for name, operand in zip(names, operands, strict=True) if name}
    return np.asarray(onnx.reference.ReferenceEvaluator(model).run(None, feeds)[0])


def _node(onnx: Any, node: Any, place: int) -> OnnxNode:
    attributes = {item.name: _attribute(onnx, item) for item in node.attribute}
    letters = node.name or f"{node.op_type}_{place}"
    name = "".join(letter if letter.isalnum() else "_" for letter in letters).strip("_")
    more = sum(bool(output) for output in node.output[1:])
    return OnnxNode(node.op_type, name, tuple(node.input), node.output[0], attributes, more, node)


def _attribute(onnx: Any, item: Any) -> Any:
    value = onnx.helper.get_attribute_value(item)
    if isinstance(value, bytes):
        return value.decode()
    return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
