"""Networks from outside, read from a spec of plain values and held to the inputs and outputs of their task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.own_code import OwnCodeError, call_own
from lowland.quantization.freezing import freeze
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.readers.flow import CodeRange
from lowland.quantization.readers.onnx_graph import read_graph
from lowland.quantization.readers.qonnx import read_qonnx

_FEW = 2
_LAYERS = frozenset({"MatMul", "Gemm", "Conv", "ConvTranspose"})


def imported_network(spec: Mapping[str, Any], example: Tensor) -> IntegerNetwork:
    """The integer network that a task has from outside.

    Args:
        spec: Its ``kind`` is a key of ``IMPORTS``; with ``inputs``, the shape of one sample, and ``outputs``.
        example: Prepared inputs [rows, ...], some hundred of those that it will meet.

    Raises:
        LowlandError: A package or file is missing, the network has other inputs or outputs than the task, or it is no
            integer network.
    """
    network, name = IMPORTS[spec["kind"]](spec, example)
    outputs = int(spec["outputs"])
    try:
        with torch.no_grad():
            found = network(example[:_FEW])
    except RuntimeError as error:
        raise LowlandError(
            f"{name} cannot read inputs of shape {tuple(example.shape[1:])} ({str(error).splitlines()[0]}); expected a "
            "network for the task's inputs"
        ) from error
    if tuple(found.shape[1:]) != (outputs,):
        raise LowlandError(
            f"{name} has outputs of shape {tuple(found.shape[1:])}; the task has {outputs}: expected one a class, in "
            "their order, or one for a number"
        )
    return network


def _from_qonnx(spec: Mapping[str, Any], example: Tensor) -> tuple[IntegerNetwork, str]:
    given, path = spec["converter"], spec["path"]
    graph, expected = read_graph(path), tuple(spec["inputs"])
    if graph.shape[1:] != expected:
        raise LowlandError(f"{path} has inputs of shape {_shown(graph.shape[1:])}; the task has {_shown(expected)}")
    takers = {node.kind for node in graph.nodes if graph.input in node.inputs}
    if given is None and takers & _LAYERS:
        raise LowlandError(
            f"{path} does not quantize its inputs ({', '.join(sorted(takers))} takes them as they are); say what "
            "the converter before it does, such as network: {qonnx: ..., converter: {bits: 16, step: 0.0009765625}}"
        )
    converter = given and CodeRange(given["bits"], given["signed"], torch.tensor(float(given["step"])))
    return read_qonnx(path, converter=converter), str(path)


def _from_brevitas(spec: Mapping[str, Any], example: Tensor) -> tuple[IntegerNetwork, str]:
    build, inputs, outputs = spec["build"], tuple(spec["inputs"]), spec["outputs"]
    module = call_own(build, (inputs, outputs), spec["options"], given=f"inputs {inputs}, outputs {outputs}")
    if not isinstance(module, nn.Module):
        raise OwnCodeError(f"{build} returns {type(module).__name__}; expected a torch.nn.Module of Brevitas layers")
    return freeze(module.eval(), example), str(build)


def _shown(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


IMPORTS: dict[str, Callable[[Mapping[str, Any], Tensor], tuple[IntegerNetwork, str]]] = {
    "qonnx": _from_qonnx,
    "brevitas": _from_brevitas,
}
"""What reads a network from outside, and what it is called in messages, by the ``kind`` of its spec."""
