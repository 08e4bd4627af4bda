"""Where quantizers go in a network: which values are codes, which are accumulators, which stay float."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from torch import nn

from lowland.errors import LowlandError
from lowland.quantization.graph.activations import TABLES, never_negative
from lowland.quantization.graph.loop import Loop, computed_ahead
from lowland.quantization.graph.modules import FLOATS
from lowland.quantization.graph.operations import weighted_kind
from lowland.quantization.graph.operators import arguments_of, kind_of
from lowland.quantization.graph.recurrence import WIDE, Recurrence, State
from lowland.quantization.graph.step import INPUTS
from lowland.quantization.graph.traced_network import Node, TracedNetwork

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
    placement = Placement()
    values: dict[str, _Value] = {}
    placer = _Placer(placement, values, per_channel=per_channel)
    if _are_tokens(network):
        values[INPUTS] = _Value(INPUTS, False, False)
    else:
        placer.add(INPUT, "input", (INPUTS,), unsigned=not input_signed)
        values[INPUTS] = _Value(INPUT, True, not input_signed)
    placer.walk(network.nodes.values())
    if network.island is not None:
        name, layers = network.island
        placer.add(placer.free(name), "island", (values[network.output].name,), layers)
    placement.nodes = placer.nodes
    return placement


class _Placer:
    """The walk through a network, or through the body of a scan."""

    def __init__(self, placement: Placement, values: dict[str, _Value], *, per_channel: bool, scan: str = "") -> None:
        self.nodes: list[QuantizedNode] = []
        self._placement = placement
        self._values = values
        self._per_channel = per_channel
        self._scan = scan
        self._rounded: dict[str, _Value] = {}
        self._taken = {INPUT, INPUTS}

    def walk(self, nodes: Iterable[Node]) -> None:
        """Places all of them."""
        nodes = list(nodes)
        self._taken |= {*self._values, *(node.name for node in nodes)}
        for node in nodes:
            self._values[node.name] = self._place(node, [self._values[source] for source in node.inputs])

    def add(
        self,
        name: str,
        role: Role,
        inputs: Sequence[str],
        layer: nn.Module | None = None,
        *,
        shared: str = "",
        **is_: bool,
    ) -> None:
        """One more node.

        Args:
            name: Of the node.
            role: Of the node.
            inputs: Names of what it takes.
            layer: That computes it; none for quantizers.
            shared: Name of the layer, if it has another one.
            is_: Whether it is ``unsigned``, ``wide`` or ``looked_up``.
        """
        layer_name = f"{self._scan}.{shared or name}" if self._scan else shared or name
        self.nodes.append(QuantizedNode(name, layer_name, tuple(inputs), role))
        self._placement.layers[layer_name] = layer
        for kind, true in is_.items():
            if true:
                getattr(self._placement, kind).add(layer_name)

    def _place(self, node: Node, operands: list[_Value]) -> _Value:
        """The node's own step, behind the quantizers that it needs."""
        name, layer, add = node.name, node.layer, self.add
        first = operands[0]
        if isinstance(layer, nn.Embedding):
            add(name, "embedding", node.inputs, layer)
            return _Value(name, True, False)
        if isinstance(layer, Recurrence):
            return self._scanned(node, layer, first)
        if isinstance(layer, State):
            add(name, "quantizer", (first.name,), wide=name in WIDE)
            return _Value(name, True, False)
        if weighted_kind(layer) is not None:
            add(name, "weighted", (self._codes(first).name,), layer)
            return _Value(name, False, False)
        if isinstance(layer, nn.ReLU):
            if first.exact and first.nonnegative and first.name != INPUT:
                return first
            add(name, "rectifier", (first.name,), unsigned=True)
            return _Value(name, True, True)
        if isinstance(layer, TABLES):
            nonnegative = never_negative(layer)
            looked_up = self.free(f"{name}_in")
            add(looked_up, "quantizer", (first.name,), looked_up=True)
            add(name, "table", (looked_up,), layer, unsigned=nonnegative)
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

    def _scanned(self, node: Node, layer: Recurrence, sequence: _Value) -> _Value:
        """A recurrent layer: its body has quantizers of its own."""
        codes = self._codes(sequence)
        values = {INPUTS: _Value(INPUTS, True, codes.nonnegative)}
        values |= {state: _Value(state, True, False) for state in layer.loop.states}
        inside = _Placer(self._placement, values, per_channel=self._per_channel, scan=node.name)
        inside.walk(Node(name, layer.inputs_of[name], part, node.place) for name, part in layer.body.items())
        inputs_of = {inner.name: inner.inputs for inner in inside.nodes}
        ahead = computed_ahead(
            inputs_of, [n.name for n in inside.nodes if n.role in ("weighted", "quantizer", "table")]
        )
        self._placement.bodies[node.name] = QuantizedBody(tuple(inside.nodes), layer.loop, ahead)
        self.add(node.name, "scan", (codes.name, *node.inputs[1:]))
        return _Value(node.name, True, False)

    def _codes(self, value: _Value) -> _Value:
        """A value that layers with weights can take: itself, or rounded once for all that take it."""
        if value.exact:
            return value
        if value.name not in self._rounded:
            name = self.free(f"{value.name}_out")
            self.add(name, "quantizer", (value.name,), unsigned=value.nonnegative)
            self._rounded[value.name] = _Value(name, True, value.nonnegative)
        return self._rounded[value.name]

    def _at_one_scale(self, name: str, operands: list[_Value]) -> list[_Value]:
        """Operands rounded to codes of one scale."""
        shared = self.free(f"{name}_in", count=len(operands))
        unsigned, wide = all(operand.nonnegative for operand in operands), bool(self._scan) and name in WIDE
        for index, operand in enumerate(operands):
            source, add = (operand.name,), self.add
            add(f"{shared}{index}", "quantizer", source, shared=shared, unsigned=unsigned, wide=wide)
        return [_Value(f"{shared}{index}", True, operand.nonnegative) for index, operand in enumerate(operands)]

    def free(self, name: str, *, count: int = 0) -> str:
        """A name that no layer of the network has, nor has with a number up to a count behind it."""
        wanted = {name, *(f"{name}{index}" for index in range(count))}
        if wanted & self._taken:
            return self.free(f"{name}_", count=count)
        self._taken |= wanted
        return name


def _are_tokens(network: TracedNetwork) -> bool:
    """Whether the network's inputs are tokens, which are codes as they come.

    Raises:
        LowlandError: Something takes them for tokens and something else for numbers.
    """
    takers = network.consumers[INPUTS]
    others = [
        node
        for node in takers
        if not (
            isinstance(node.layer, nn.Embedding) or (isinstance(node.layer, Recurrence) and node.inputs[0] != INPUTS)
        )
    ]
    if others and len(others) < len(takers):
        raise LowlandError(
            f"{others[0].place} of the network takes inputs for numbers that an embedding takes for tokens; expected "
            "inputs that are tokens alone"
        )
    return not others


_POOLS = ("max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d")
