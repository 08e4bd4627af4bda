"""Where quantizers go in a network: which values are codes, which are accumulators, which stay float."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from torch import nn

from lowland.quantization.graph.activations import never_negative
from lowland.quantization.graph.modules import FLOATS, TABLES
from lowland.quantization.graph.operations import weighted_kind
from lowland.quantization.graph.operators import arguments_of, kind_of
from lowland.quantization.graph.step import INPUTS
from lowland.quantization.graph.traced_network import Node, TracedNetwork

Role = Literal["input", "quantizer", "rectifier", "weighted", "table", "passing", "float", "island"]

INPUT = "input"
"""The name of the input quantizer."""


class QuantizedNode(NamedTuple):
    """One step of a fake-quantized network.

    Attributes:
        name: Unique; that of the deployed step.
        layer: Name of the module that computes it; nodes that share one share its scale.
        inputs: Names of the nodes whose results it takes, ``inputs`` for the network's own input.
        role: What it does to values: rounds them, weighs them, hands them on.
    """

    name: str
    layer: str
    inputs: tuple[str, ...]
    role: Role


@dataclass
class Placement:
    """A network with quantizers placed in it.

    Attributes:
        nodes: In order of computation.
        layers: The layer that each name of a node's ``layer`` stands for; ``None`` for quantizers.
        unsigned: Names of quantizers whose values are never negative.
    """

    nodes: list[QuantizedNode] = field(default_factory=list)
    layers: dict[str, nn.Module | None] = field(default_factory=dict)
    unsigned: set[str] = field(default_factory=set)

    def add(
        self, name: str, role: Role, inputs: Sequence[str], layer: nn.Module | None = None, shared: str = ""
    ) -> None:
        """One more node."""
        self.nodes.append(QuantizedNode(name, shared or name, tuple(inputs), role))
        self.layers[shared or name] = layer


class _Value(NamedTuple):
    """What stands for a traced value.

    Attributes:
        name: The node that gives it.
        exact: Whether it is codes, or sums of codes at one scale, that a layer with weights can take.
        nonnegative: Whether it can never lie below 0.
    """

    name: str
    exact: bool
    nonnegative: bool


def placed(network: TracedNetwork, *, input_signed: bool, per_channel: bool) -> Placement:
    """Quantizers placed in a network.

    Inputs are rounded first. Layers with weights take codes and give accumulators; ReLU rounds accumulators to codes
    that are never negative. What else must be codes and is not is rounded by a quantizer of its own: accumulators
    before another layer with weights (``<layer>_out``), operands of sums and concatenations, all at one scale
    (``<layer>_in``, steps ``<layer>_in0``, ``<layer>_in1`` ...), what a table looks up
    (``<layer>_in``), results of layers that stay float (``<layer>_out``).

    Args:
        network: See ``traced``.
        input_signed: Whether inputs can be negative.
        per_channel: Whether accumulators have a scale for each channel, so that only pooling may touch them.
    """
    return _Placer(network, input_signed, per_channel).placement


class _Placer:
    """The walk through a network."""

    def __init__(self, network: TracedNetwork, input_signed: bool, per_channel: bool) -> None:
        self.placement = Placement()
        self._per_channel = per_channel
        self._rounded: dict[str, _Value] = {}
        self._taken = {INPUT, INPUTS, *network.nodes}
        self.placement.add(INPUT, "input", (INPUTS,))
        if not input_signed:
            self.placement.unsigned.add(INPUT)
        values = {INPUTS: _Value(INPUT, True, not input_signed)}
        for node in network.nodes.values():
            values[node.name] = self._place(node, [values[source] for source in node.inputs])
        if network.island is not None:
            name, layers = network.island
            self.placement.add(self._free(name), "island", (values[network.output].name,), layers)

    def _place(self, node: Node, operands: list[_Value]) -> _Value:
        """The node's own step, behind the quantizers that it needs."""
        name, layer, add = node.name, node.layer, self.placement.add
        first = operands[0]
        if weighted_kind(layer) is not None:
            add(name, "weighted", (self._codes(first).name,), layer)
            return _Value(name, False, False)
        if isinstance(layer, nn.ReLU):
            if first.exact and first.nonnegative and first.name != INPUT:
                return first
            add(name, "rectifier", (first.name,))
            self.placement.unsigned.add(name)
            return _Value(name, True, True)
        if isinstance(layer, TABLES):
            nonnegative = never_negative(layer)
            looked_up = self._free(f"{name}_in")
            add(looked_up, "quantizer", (first.name,))
            add(name, "table", (looked_up,), layer)
            if nonnegative:
                self.placement.unsigned.add(name)
            return _Value(name, True, nonnegative)
        if isinstance(layer, FLOATS):
            add(name, "float", [operand.name for operand in operands], layer)
            return _Value(name, False, False)
        kind = kind_of(layer)
        if kind in ("add", "concat"):
            operands = self._at_one_scale(name, operands)
        elif kind == "multiply":
            operands = [self._codes(operand) for operand in operands]
        elif self._per_channel and not first.exact and kind not in _POOLS:
            operands = [self._codes(first)]
        nonnegative = all(operand.nonnegative for operand in operands)
        if kind == "rescale":
            nonnegative = nonnegative and arguments_of(layer)["factor"] > 0
        add(name, "passing", [operand.name for operand in operands], layer)
        return _Value(name, operands[0].exact and kind != "multiply", nonnegative)

    def _codes(self, value: _Value) -> _Value:
        """A value that layers with weights can take: itself, or rounded once for all that take it."""
        if value.exact:
            return value
        if value.name not in self._rounded:
            name = self._free(f"{value.name}_out")
            self.placement.add(name, "quantizer", (value.name,))
            if value.nonnegative:
                self.placement.unsigned.add(name)
            self._rounded[value.name] = _Value(name, True, value.nonnegative)
        return self._rounded[value.name]

    def _at_one_scale(self, name: str, operands: list[_Value]) -> list[_Value]:
        """Operands rounded to codes of one scale."""
        shared = self._free(f"{name}_in", count=len(operands))
        nonnegative = all(operand.nonnegative for operand in operands)
        if nonnegative:
            self.placement.unsigned.add(shared)
        for index, operand in enumerate(operands):
            self.placement.add(f"{shared}{index}", "quantizer", (operand.name,), shared=shared)
        return [_Value(f"{shared}{index}", True, operand.nonnegative) for index, operand in enumerate(operands)]

    def _free(self, name: str, *, count: int = 0) -> str:
        """A name that no layer of the network has, nor has with a number up to a count behind it."""
        wanted = {name, *(f"{name}{index}" for index in range(count))}
        if wanted & self._taken:
            return self._free(f"{name}_", count=count)
        self._taken |= wanted
        return name


_POOLS = ("max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d")
