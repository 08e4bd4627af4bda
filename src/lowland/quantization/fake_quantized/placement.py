"""Where quantizers go in a network: which values are codes, which are accumulators, which stay float."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from torch import nn

from lowland.errors import LowlandError
from lowland.quantization.fake_quantized.quantized_nodes import INPUT, Placement, QuantizedBody, QuantizedNode, Role
from lowland.quantization.fake_quantized.twins import twins
from lowland.quantization.graph.activations import TABLES, never_negative
from lowland.quantization.graph.loop import computed_ahead
from lowland.quantization.graph.modules import FLOATS
from lowland.quantization.graph.operations import weighted_kind
from lowland.quantization.graph.operators import arguments_of, kind_of
from lowland.quantization.graph.recurrence import WIDE, Recurrence, State
from lowland.quantization.graph.step import INPUTS
from lowland.quantization.graph.traced_network import Node, TracedNetwork


class _Value(NamedTuple):
    """What stands for a traced value.

    Attributes:
        name: The node that gives it.
        exact: Whether it is codes, or sums of codes at one scale, that a layer with weights can take.
        nonnegative: Whether it can never lie below 0.
        scale: What decides its step size, the same for values of one step size; those of accumulators stay apart.
        real: Whether it is floats that no step size stands for.
    """

    name: str
    exact: bool
    nonnegative: bool
    scale: Hashable
    real: bool = False


@dataclass(frozen=True)
class _Rules:
    """What a walk goes by.

    Attributes:
        per_channel: Whether accumulators have a scale for each channel, so that only pooling may touch them.
        biased: Whether every layer has a bias.
        twins: See ``twins``.
        rounded: Whether what a layer is called on is never negative, by the name of the first call, of the layers whose
            calls need a quantizer for their values to have one scale.
    """

    per_channel: bool
    biased: bool = False
    twins: Mapping[str, str] = field(default_factory=dict)
    rounded: Mapping[str, bool] = field(default_factory=dict)


def placed(network: TracedNetwork, *, input_signed: bool, per_channel: bool, biased: bool = False) -> Placement:
    """Quantizers placed in a network.

    Inputs are rounded first. Layers with weights take codes and give accumulators; ReLU rounds accumulators to codes
    that are never negative. What else must be codes and is not is rounded by a quantizer of its own: accumulators
    before another layer with weights (``<layer>_out``), operands of sums and concatenations, all at one scale
    (``<layer>_in``, steps ``<layer>_in0``, ``<layer>_in1`` ...), what a table looks up
    (``<layer>_in``), results of layers that stay float (``<layer>_out``).

    A layer that is called several times has its bias at one scale, and so what it is called on: values of several
    scales are rounded to one (``<layer>_in``). What is done in the same way to all its results has one scale as well.

    Args:
        network: See ``traced``.
        input_signed: Whether inputs can be negative.
        per_channel: Whether accumulators have a scale for each channel, so that only pooling may touch them.
        biased: Whether every layer with weights has a bias, those too that have none in the network.
    """
    rules = _Rules(per_channel, biased, twins(network))
    while True:
        placement, placer = _walked(network, rules, input_signed=input_signed)
        if not placer.apart:
            return placement
        rules = replace(rules, rounded={**rules.rounded, **placer.apart})


def _walked(network: TracedNetwork, rules: _Rules, *, input_signed: bool) -> tuple[Placement, _Placer]:
    """Quantizers placed by some rules, and who has placed them."""
    placement = Placement()
    values: dict[str, _Value] = {}
    placer = _Placer(placement, values, rules)
    if _are_tokens(network):
        values[INPUTS] = _Value(INPUTS, False, False, INPUTS)
    else:
        placer.add(INPUT, "input", (INPUTS,), unsigned=not input_signed)
        values[INPUTS] = _Value(INPUT, True, not input_signed, INPUT)
    placer.walk(network.nodes.values())
    if network.island is not None:
        name, layers = network.island
        placer.add(placer.free(name), "island", (values[network.output].name,), layers)
    placement.nodes = placer.nodes
    return placement, placer


class _Placer:
    """The walk through a network, or through the body of a scan."""

    def __init__(self, placement: Placement, values: dict[str, _Value], rules: _Rules, scan: str = "") -> None:
        self.nodes: list[QuantizedNode] = []
        self._placement = placement
        self._values = values
        self._rules = rules
        self._scan = scan
        self._rounded: dict[str, _Value] = {}
        self._of_twins: dict[tuple[str, str], str] = {}
        self._called_on: dict[str, list[_Value]] = {}
        self._taken = {INPUT, INPUTS}

    @property
    def apart(self) -> dict[str, bool]:
        """The layers whose calls take values of several scales where one is needed: whether none can be negative."""
        return {
            name: all(value.nonnegative for value in values)
            for name, values in self._called_on.items()
            if len({value.scale for value in values}) > 1
        }

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
            return _Value(name, True, False, name)
        if isinstance(layer, Recurrence):
            return self._scanned(node, layer, first)
        if isinstance(layer, State):
            add(name, "quantizer", (first.name,), wide=name in WIDE)
            return _Value(name, True, False, name)
        own = self._twin(name)
        if weighted_kind(layer) is not None:
            add(name, "weighted", (self._taken_by(name, layer, first).name,), layer, shared=own)
            return _Value(name, False, False, own)
        if isinstance(layer, nn.ReLU):
            if first.exact and first.nonnegative and first.name != INPUT:
                return first
            add(name, "rectifier", (first.name,), shared=own, unsigned=True)
            return _Value(name, True, True, own)
        if isinstance(layer, TABLES):
            nonnegative = never_negative(layer)
            looked_up = self.free(f"{name}_in")
            add(looked_up, "quantizer", (first.name,), shared=self._shared(own, "looked up", looked_up), looked_up=True)
            add(name, "table", (looked_up,), layer, shared=own, unsigned=nonnegative)
            return _Value(name, True, nonnegative, own)
        if isinstance(layer, FLOATS):
            add(name, "float", [operand.name for operand in operands], layer)
            return _Value(name, False, False, own, real=True)
        kind = kind_of(layer)
        rescales = kind in _SCALING or isinstance(layer, nn.AvgPool1d | nn.AvgPool2d)
        if kind in ("add", "concat"):
            operands = self._at_one_scale(name, operands)
        elif kind == "multiply":
            operands = [self._codes(operand) for operand in operands]
        elif (first.real and rescales) or (self._rules.per_channel and not first.exact and kind not in _POOLS):
            operands = [self._codes(first)]  # neither floats nor scales by channel become another single step size
        nonnegative = all(operand.nonnegative for operand in operands)
        if kind == "rescale":
            nonnegative = nonnegative and arguments_of(layer)["factor"] > 0
        add(name, "passing", [operand.name for operand in operands], layer)
        scale = operands[0].scale
        if rescales:
            scale = (kind, repr(arguments_of(layer)), *(operand.scale for operand in operands))
        return _Value(name, operands[0].exact and kind != "multiply", nonnegative, scale, operands[0].real)

    def _twin(self, name: str) -> str:
        """The first of the nodes that share a scale with this one."""
        return self._rules.twins.get(name, name)

    def _shared(self, twin: str, what: str, name: str) -> str:
        """The name of a quantizer that twins share: that which the first of them has given it."""
        return self._of_twins.setdefault((twin, what), name)

    def _taken_by(self, name: str, layer: nn.Module, value: _Value) -> _Value:
        """What a layer with weights takes in place of a value; one scale for all calls of a layer with a bias."""
        twin = self._twin(name)
        if twin in self._rules.rounded:
            own, unsigned = self.free(f"{name}_in"), self._rules.rounded[twin]
            shared = self._shared(twin, "taken", own)
            self.add(own, "quantizer", (value.name,), shared=shared, unsigned=unsigned)
            return _Value(own, True, unsigned, shared)
        codes = self._codes(value)
        if name in self._rules.twins and (self._rules.biased or layer.bias is not None):
            self._called_on.setdefault(twin, []).append(codes)
        return codes

    def _scanned(self, node: Node, layer: Recurrence, sequence: _Value) -> _Value:
        """A recurrent layer: its body has quantizers of its own."""
        codes = self._codes(sequence)
        values = {INPUTS: _Value(INPUTS, True, codes.nonnegative, INPUTS)}
        values |= {state: _Value(state, True, False, state) for state in layer.loop.states}
        inside = _Placer(self._placement, values, _Rules(self._rules.per_channel), node.name)
        inside.walk(Node(name, layer.inputs_of[name], part, node.place) for name, part in layer.body.items())
        inputs_of = {inner.name: inner.inputs for inner in inside.nodes}
        ahead = computed_ahead(
            inputs_of, [n.name for n in inside.nodes if n.role in ("weighted", "quantizer", "table")]
        )
        self._placement.bodies[node.name] = QuantizedBody(tuple(inside.nodes), layer.loop, ahead)
        self.add(node.name, "scan", (codes.name, *node.inputs[1:]))
        return _Value(node.name, True, False, node.name)

    def _codes(self, value: _Value) -> _Value:
        """A value that layers with weights can take: itself, or rounded once for all that take it."""
        if value.exact:
            return value
        if value.name not in self._rounded:
            name = self.free(f"{value.name}_out")
            shared = self._shared(self._twin(value.name), "rounded", name)
            self.add(name, "quantizer", (value.name,), shared=shared, unsigned=value.nonnegative)
            self._rounded[value.name] = _Value(name, True, value.nonnegative, shared)
        return self._rounded[value.name]

    def _at_one_scale(self, name: str, operands: list[_Value]) -> list[_Value]:
        """Operands rounded to codes of one scale."""
        own = self.free(f"{name}_in", count=len(operands))
        shared = self._shared(self._twin(name), "joined", own)
        unsigned, wide = all(operand.nonnegative for operand in operands), bool(self._scan) and name in WIDE
        for index, operand in enumerate(operands):
            source, add = (operand.name,), self.add
            add(f"{own}{index}", "quantizer", source, shared=shared, unsigned=unsigned, wide=wide)
        return [_Value(f"{own}{index}", True, operand.nonnegative, shared) for index, operand in enumerate(operands)]

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

_SCALING = ("mean", "rescale", "multiply")
"""Kinds of steps whose results have another step size than what they take."""
