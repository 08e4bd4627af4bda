"""A fake-quantized model as Brevitas' own forward computes it; importing this file imports Brevitas: two seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from lowland.quantization.fake_quantized.quantized_nodes import QuantizedBody, QuantizedNode
from lowland.quantization.fake_quantized.quantizers import handed_on, value_of
from lowland.quantization.graph.loop import Place, scanned
from lowland.quantization.graph.step import INPUTS, Step


class Reference:
    """The nodes of a model on tensors of Brevitas.

    Args:
        layers: The modules of nodes by their names.
        passing: The steps of those that neither weigh nor round, by the names of their modules.
        bodies: What scans repeat.
    """

    def __init__(
        self, layers: Callable[[str], Any], passing: Mapping[str, Step], bodies: Mapping[str, QuantizedBody]
    ) -> None:
        self._layers = layers
        self._passing = passing
        self._bodies = bodies

    def __call__(self, node: QuantizedNode, operands: Sequence[Any]) -> Any:
        """What a node gives.

        Args:
            node: Of the network or of a body.
            operands: What it takes.
        """
        if node.role == "scan":
            return self._scan(node, operands)
        layer: nn.Module = self._layers(node.layer)
        if node.role == "passing":
            return handed_on(layer, self._passing[node.layer], operands)
        if node.role in ("float", "island"):
            return layer(*map(value_of, operands))
        return layer(*operands)

    def _scan(self, node: QuantizedNode, operands: Sequence[Any]) -> Any:
        """A body along a sequence: values are carried, and get their step size back before each call."""
        body = self._bodies[node.name]
        nodes = {inner.name: inner for inner in body.nodes}
        known: dict[str, Any] = {INPUTS: operands[0]}
        for state, source in body.loop.states.items():
            known[state] = self._layers(nodes[source].layer)(value_of(operands[0]).new_zeros(1))

        def compute(name: str, values: list[Tensor], _: Place) -> Tensor:
            given = [
                value if isinstance(known[source], Tensor) else known[source].set(value=value)
                for source, value in zip(nodes[name].inputs, values, strict=True)
            ]
            known[name] = self(nodes[name], given)
            return value_of(known[name])

        values = [value_of(operand) for operand in operands]
        shown = body.loop.shown
        traces = scanned(body.loop, body.inputs_of, compute, values, body.ahead, (shown,))
        return known[shown].set(value=traces[shown])
