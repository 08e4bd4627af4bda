"""What a layer that is called several times is calibrated on: all its calls, the later ones included."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from lowland.quantization.fake_quantized.network import QuantizedNetwork
from lowland.quantization.fake_quantized.quantized_nodes import QuantizedNode
from lowland.quantization.graph.step import INPUTS


def fed_later(
    quantized: QuantizedNetwork, exact: Callable[[QuantizedNode, list[Tensor]], Tensor], inputs: Tensor
) -> dict[str, Tensor]:
    """What the float network feeds nodes that share a scale with a node before them.

    The scale is set when the first of them is computed, and what the quantized network feeds the others may depend on
    it.

    Args:
        quantized: The model.
        exact: What a node gives in the float network, from what it takes there.
        inputs: Of the network [samples, ...].

    Returns:
        By the names of the nodes that feed them; empty where no layer is called on what comes after its first call.
    """
    nodes, order = quantized.nodes, {name: place for place, name in enumerate((INPUTS, *quantized.nodes))}
    first: dict[str, str] = {}
    wanted = set[str]()
    for node in nodes.values():
        start = first.setdefault(node.layer, node.name)
        if node.role not in ("scan", "float", "passing") and order[node.inputs[0]] >= order[start]:
            wanted.add(node.inputs[0])
    found: dict[str, Tensor] = {}
    if not wanted:
        return found

    def compute(name: str, values: Mapping[str, Tensor]) -> Tensor:
        result = exact(nodes[name], [values[source] for source in nodes[name].inputs])
        if name in wanted:
            found[name] = result
        return result

    quantized.schedule.run(compute, inputs)
    return found


def in_turn(values: Sequence[Tensor]) -> Tensor:
    """Rows of several tensors in turn, of those that have the shape of the first; one alone as it is."""
    fitting = [tensor for tensor in values if tensor.shape == values[0].shape]
    return fitting[0] if len(fitting) == 1 else torch.stack(fitting, 1).flatten(0, 1)
