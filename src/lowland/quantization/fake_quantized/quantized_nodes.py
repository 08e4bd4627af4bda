"""What a fake-quantized network is made of: nodes, bodies of scans, and all that was placed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from torch import nn

from lowland.quantization.graph.loop import Loop

Role = Literal[
    "input", "quantizer", "rectifier", "weighted", "embedding", "table", "passing", "scan", "float", "island"
]

INPUT = "input"
"""The name of the input quantizer."""


class QuantizedNode(NamedTuple):
    """One step of a fake-quantized network.

    Attributes:
        name: Unique in the network, or in the body of a scan; that of the deployed step.
        layer: Name of the module that computes it, in bodies behind the scan's (``lstm.hidden``); nodes that share one
            share its scale.
        inputs: Names of the nodes whose results it takes, ``inputs`` for the network's own input.
        role: What it does to values: rounds them, weighs them, hands them on.
    """

    name: str
    layer: str
    inputs: tuple[str, ...]
    role: Role


class QuantizedBody(NamedTuple):
    """What a scan repeats, with quantizers placed in it.

    Attributes:
        nodes: In order of computation; they take one place of the sequence by the name ``inputs``.
        loop: How they are repeated.
        ahead: Names of those that can be computed for all places at once.
    """

    nodes: tuple[QuantizedNode, ...]
    loop: Loop
    ahead: tuple[str, ...]

    @property
    def inputs_of(self) -> dict[str, tuple[str, ...]]:
        """Names of what each node takes, by its name."""
        return {node.name: node.inputs for node in self.nodes}


@dataclass
class Placement:
    """A network with quantizers placed in it.

    Attributes:
        nodes: In order of computation.
        layers: The layer that each name of a node's ``layer`` stands for; ``None`` for quantizers.
        unsigned: Names of layers whose quantized values are never negative.
        wide: Names of quantizers whose codes are as wide as those of cell states.
        looked_up: Names of quantizers whose codes tables are looked up with.
        bodies: Of the scans, by their names.
    """

    nodes: list[QuantizedNode] = field(default_factory=list)
    layers: dict[str, nn.Module | None] = field(default_factory=dict)
    unsigned: set[str] = field(default_factory=set)
    wide: set[str] = field(default_factory=set)
    looked_up: set[str] = field(default_factory=set)
    bodies: dict[str, QuantizedBody] = field(default_factory=dict)
