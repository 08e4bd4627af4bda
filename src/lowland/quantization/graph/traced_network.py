"""A float network as a graph of layers with named inputs: what quantizers are placed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from lowland.quantization.graph.step import INPUTS


@dataclass(frozen=True)
class Node:
    """One layer of a traced network.

    Attributes:
        name: Unique; of layers of the network their path with underscores for dots (``encoder_0``).
        inputs: Names of the nodes whose results it takes, ``inputs`` for the network's own input.
        layer: What it computes: a layer of torch or an operator of this package, in evaluation mode.
        place: Where it stands in the network, for messages.
    """

    name: str
    inputs: tuple[str, ...]
    layer: nn.Module
    place: str


@dataclass(frozen=True)
class TracedNetwork:
    """The layers of a network in an order in which they can be computed, weights computed and batch-norm folded.

    Attributes:
        nodes: By name.
        output: Name of the node whose result is the network's output, or goes to the island.
        island: Name and layers of the part behind it that stays float, or ``None``.
    """

    nodes: Mapping[str, Node]
    output: str
    island: tuple[str, nn.Sequential] | None = None

    def __call__(self, inputs: Tensor) -> Tensor:
        """The network's outputs, in float.

        Args:
            inputs: [rows, ...].
        """

        def compute(name: str, values: Mapping[str, Tensor]) -> Tensor:
            node = self.nodes[name]
            return node.layer(*(values[source] for source in node.inputs))

        values = Schedule({node.name: node.inputs for node in self.nodes.values()}).run(compute, inputs)
        return values if self.island is None else self.island[1](values)

    @property
    def consumers(self) -> dict[str, list[Node]]:
        """The nodes that take each node's result, by its name."""
        found: dict[str, list[Node]] = {name: [] for name in (INPUTS, *self.nodes)}
        for node in self.nodes.values():
            for source in node.inputs:
                found[source].append(node)
        return found


class Schedule:
    """The order in which the nodes of a graph are computed, and when each result is needed for the last time.

    Args:
        inputs_of: Names of the nodes whose results each node takes, in an order in which they can be computed.
    """

    def __init__(self, inputs_of: Mapping[str, Sequence[str]]) -> None:
        self._order = tuple(inputs_of)
        last = {source: name for name, sources in inputs_of.items() for source in sources}
        self._done: dict[str, list[str]] = {}
        for source, name in last.items():
            self._done.setdefault(name, []).append(source)

    def run(self, compute: Callable[[str, Mapping[str, Any]], Any], inputs: Any) -> Any:
        """The result of the last node; results that no later node takes are let go of.

        Args:
            compute: A node's result from its name and the results before it, by name.
            inputs: The network's own input.
        """
        values = {INPUTS: inputs}
        for name in self._order:
            values[name] = result = compute(name, values)
            for source in self._done.get(name, ()):
                del values[source]
        return result
