"""A fake-quantized model with its quantizers off: what its trained weights compute in floats."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.quantization.fake_quantized.network import QuantizedNetwork, Stored
from lowland.quantization.fake_quantized.quantized_nodes import QuantizedNode
from lowland.quantization.graph.loop import Place, scanned


@torch.no_grad()
def without_quantizers(network: QuantizedNetwork, inputs: Tensor) -> Tensor:
    """Outputs [samples, ...] with weights, biases and everything between layers as they are, not rounded.

    Args:
        network: Trained or not; left as it came.
        inputs: Floats [samples, ...].
    """
    functions = {name: _function(network, node) for name, node in network.nodes.items()}

    def compute(name: str, values: Mapping[str, Tensor]) -> Tensor:
        return functions[name](*(values[source] for source in network.nodes[name].inputs))

    return network.schedule.run(compute, inputs)


def _function(network: QuantizedNetwork, node: QuantizedNode) -> Callable[..., Tensor]:
    """What a node computes with its rounding left out."""
    if node.role == "scan":
        return _scan(network, node.name)
    if node.role in ("input", "quantizer"):
        return nn.Identity()
    if node.role == "rectifier":
        return functional.relu
    if node.role == "table":
        function: Callable[..., Tensor] = network.layer(node.layer).function
        return function
    return network.prepared(node, [torch.ones(())] * len(node.inputs), _parameter)[0]


def _scan(network: QuantizedNetwork, name: str) -> Callable[..., Tensor]:
    """A body along a sequence."""
    body = network.bodies[name]
    functions = {node.name: _function(network, node) for node in body.nodes}

    def compute(inner: str, given: list[Tensor], _: Place) -> Tensor:
        return functions[inner](*given)

    def function(*values: Tensor) -> Tensor:
        shown = body.loop.shown
        return scanned(body.loop, body.inputs_of, compute, values, body.ahead, (shown,))[shown]

    return function


def _parameter(tensor: Stored) -> Tensor:
    return tensor.parameter
