"""A QONNX model as an integer network: Quant nodes as codes, what lies between them folded into scales and biases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from lowland.errors import LowlandError
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.readers.assembler import Assembler
from lowland.quantization.readers.flow import CodeRange, Flow, NotInteger
from lowland.quantization.readers.onnx_constants import Context, Value
from lowland.quantization.readers.onnx_graph import OnnxGraph, OnnxNode, read_graph
from lowland.quantization.readers.onnx_operators import OPERATORS

_LEFT_OFF = ("Softmax", "LogSoftmax")


def read_qonnx(path: str | Path, *, converter: CodeRange | None = None) -> IntegerNetwork:
    """The integer network that a QONNX file describes.

    Weights, inputs and activations are codes where ``Quant`` nodes make them. Factors between them (batch-norm,
    constants) go into the scales of weights, channel by channel; summands become biases, with up to 16 binary places
    more than accumulators have, so that sums of integers pass a threshold where the real numbers do. A softmax at the
    end is left off: the outputs are its logits.

    Args:
        path: Of the ``.onnx`` file; the domain of its Quant nodes may be any.
        converter: What the inputs are rounded to, where the file itself does not quantize them (those of QKeras do
            not).

    Raises:
        LowlandError: The package ``onnx`` is missing, no such file, or what is not an integer network, all places in
            one line.

    Source:
        Pappalardo et al. 2022, arXiv:2206.07527.
    """
    graph = read_graph(path)
    example = torch.randn(3, *graph.shape[1:], generator=torch.Generator().manual_seed(0))
    assembler = Assembler(example)
    inputs = assembler.inputs if converter is None else assembler.quantize(assembler.inputs, converter, "input")
    context = Context(assembler, graph.opset)
    values: dict[str, Value | None] = {**graph.constants, graph.input: inputs}
    problems: list[str] = []
    shared = _shared(graph)
    for node in graph.nodes:
        operands = [values.get(name) if name else None for name in node.inputs]
        values[node.output] = None
        if any(name and operand is None for name, operand in zip(node.inputs, operands, strict=True)):
            continue  # what this takes has been named
        try:
            value = _value(context, node, operands, graph)
            if isinstance(value, Flow) and value.layer is not None and node.output in shared:
                value = assembler.settled(value)
            values[node.output] = value
        except NotInteger as reason:
            problems.append(f"{node.place} {reason}")
    output = values.get(graph.output)
    if not problems:
        try:
            if not isinstance(output, Flow):
                raise NotInteger("does not depend on the input")
            return assembler.network(output)
        except NotInteger as reason:
            problems.append(f"the output {reason}")
    raise LowlandError(f"{path} is no integer network: {'; '.join(problems)}")


def _value(context: Context, node: OnnxNode, operands: list[Value | None], graph: OnnxGraph) -> Value:
    """What a node gives."""
    handler: Callable[..., Value] | None = OPERATORS.get(node.kind)
    left_off = node.kind in _LEFT_OFF and node.attributes.get("axis") != 0  # one over the rows is no choice of a class
    if left_off and node.output == graph.output and isinstance(operands[0], Flow):
        return operands[0]
    if not any(isinstance(operand, Flow) for operand in operands):
        return context.constant(node, operands)
    if handler is None:
        raise NotInteger("has no integer step: expected Quant nodes around layers, sums, pooling and changes of shape")
    if node.more:
        raise NotInteger("gives several results: expected one")
    return handler(context, node, *operands)


def _shared(graph: OnnxGraph) -> set[str]:
    """Names of the results that several nodes take."""
    seen: set[str] = set()
    twice: set[str] = set()
    for node in graph.nodes:
        for name in node.inputs:
            (twice if name in seen else seen).add(name)
    return twice
