"""Fake-quantized models of float networks, in Brevitas: what fine-tuning trains and calibration fills in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.coding.codes import code_range
from lowland.errors import LowlandError
from lowland.quantization.fake_quantized.grid import Grid, on_grid
from lowland.quantization.fake_quantized.learned_grids import LearnedGrids
from lowland.quantization.fake_quantized.quantized_nodes import INPUT, QuantizedBody, QuantizedNode
from lowland.quantization.graph.loop import Place, scanned
from lowland.quantization.graph.operations import Operation, geometry, operation, weighted_kind
from lowland.quantization.graph.operators import passing_step
from lowland.quantization.graph.step import INPUTS, Step
from lowland.quantization.graph.traced_network import Schedule
from lowland.quantization.precision import BIAS_BITS, Precision
from lowland.quantization.same_function import GivenNetwork


class Stored(NamedTuple):
    """A tensor that the deployed network stores in codes.

    Attributes:
        name: As in ``IntegerNetwork.codes``: ``0.weight``, ``0.bias``.
        parameter: What is trained.
        values: The same rounded to the grid, differentiable straight through.
        grid: Its scale is differentiable by the learned thresholds.
        bits: Width of the words; ``None`` for the smallest that holds the codes (biases).
    """

    name: str
    parameter: Tensor
    values: Tensor
    grid: Grid
    bits: int | None


Read = Callable[[Stored], Tensor]
"""What a layer computes with in place of a stored tensor's values, in floats."""

Scaled = tuple[Tensor, Tensor]
"""Values and the step size of the integers that they stand for."""

Prepared = tuple[Callable[..., Tensor], Tensor]
"""A function of values and the step size of the integers that its results stand for."""


class QuantizedNetwork(LearnedGrids):
    """A float network with fake quantizers: it trains like any module and is frozen into an integer network.

    ``layers`` are Brevitas' own modules and hold all state; ``reference`` runs them as Brevitas does. ``forward``
    computes the same values and derivatives with a fraction of the overhead.

    Args:
        nodes: The graph, in order of computation; the last one gives the outputs.
        layers: ``input`` (QuantIdentity), layers with weights (QuantLinear, QuantConv2d, ...), quantizers (QuantReLU,
            QuantIdentity), tables, and what neither weighs nor rounds; by the names that nodes know them by.
        precision: What it was built for: how ``calibrate`` finds its scales.
        given: What it was built of, for ``calibrate`` to compare the function with; no part of its state.
        bodies: What the scans among the nodes repeat; their layers lie in a dictionary of the scan's name.
    """

    def __init__(
        self,
        nodes: Sequence[QuantizedNode],
        layers: nn.ModuleDict,
        precision: Precision,
        given: GivenNetwork | None = None,
        bodies: Mapping[str, QuantizedBody] | None = None,
    ) -> None:
        super().__init__(layers, precision)
        self.nodes = {node.name: node for node in nodes}
        self.bodies = dict(bodies or {})
        self.given = given
        self.calibrated: Tensor
        self.register_buffer("calibrated", torch.tensor(False))
        self.schedule = Schedule({node.name: node.inputs for node in nodes})
        self._operations: dict[str, Operation] = {}
        self._passing: dict[str, Step] = {}
        for node in self.all_nodes:
            if node.role == "scan":
                continue
            layer: Any = self.layer(node.layer)
            if (kind := weighted_kind(layer)) is not None:
                self._operations[node.layer] = operation(kind, geometry(layer))
            if node.role == "passing":
                self._passing[node.layer] = passing_step(node.name, node.inputs, layer)
            self.take_quantizer(node.layer, rectifies=node.role in ("quantizer", "rectifier"))
        self.read_zero_points()

    @property
    def all_nodes(self) -> Iterator[QuantizedNode]:
        """The nodes, those of bodies before their scan."""
        for node in self.nodes.values():
            if node.role == "scan":
                yield from self.bodies[node.name].nodes
            yield node

    @property
    def stored(self) -> dict[str, nn.Parameter]:
        """The parameters that the deployed network stores in codes, by the names that the codes have there."""
        names = (node.layer for node in self.all_nodes if node.role in ("weighted", "embedding"))
        layers = ((name, self.layer(name)) for name in names)
        named = (
            (f"{name}.{kind}", getattr(layer, kind, None)) for name, layer in layers for kind in ("weight", "bias")
        )
        return {name: parameter for name, parameter in named if parameter is not None}

    def compute(self, name: str, operands: Sequence[Scaled], read: Read | None = None) -> Scaled:
        """One node's result and the step size of its integers.

        Args:
            name: Of the node.
            operands: What the nodes give that it takes; a layer with weights quantizes its bias at the step size of the
                integers it takes times its weights' scale.
            read: What the layer computes with in place of its quantized weights and bias; those themselves without it.
        """
        function, scale = self.prepared(self.nodes[name], [scale for _, scale in operands], read)
        return function(*(values for values, _ in operands)), scale

    def prepared(self, node: QuantizedNode, scales: Sequence[Tensor], read: Read | None = None) -> Prepared:
        """A node as a function of the values that it takes, weights rounded, and the step size of its integers.

        Args:
            node: Of the network or of a body.
            scales: Step sizes of the integers that it takes.
            read: See ``compute``.
        """
        if node.role == "scan":
            return self._scan(node.name, scales[0], read)
        layer: Any = self.layer(node.layer)
        if node.role == "weighted":
            return self._weighted(node.layer, layer, scales[0], read)
        if node.role == "embedding":
            weight, grid = self._weight(node.layer, layer, read)
            return lambda tokens: functional.embedding(tokens.to(torch.int64), weight, layer.padding_idx), grid.scale
        if node.layer in self.bits:
            grid = self.grid(node.layer)
            if node.role == "table":
                return lambda values: on_grid(layer.function(values), grid), grid.scale
            return lambda values: on_grid(values, grid), grid.scale
        if node.role == "passing":
            return layer, self._passing[node.layer].result_scale(*scales)
        return layer, scales[0].new_ones(())

    def state_scales(self, name: str) -> dict[str, Tensor]:
        """Step size of the states that the body of a scan takes, by the names by which it takes them."""
        return {state: self.grid(f"{name}.{source}").scale for state, source in self.bodies[name].loop.states.items()}

    def _scan(self, name: str, scale: Tensor, read: Read | None) -> Prepared:
        """A body along a sequence; its weights are rounded, and read, once."""
        body = self.bodies[name]
        scales = {INPUTS: scale, **self.state_scales(name)}
        functions: dict[str, Callable[..., Tensor]] = {}
        for node in body.nodes:
            given = [scales[source] for source in node.inputs]
            functions[node.name], scales[node.name] = self.prepared(node, given, read)

        def compute(inner: str, given: list[Tensor], _: Place) -> Tensor:
            return functions[inner](*given)

        def function(*values: Tensor) -> Tensor:
            shown = body.loop.shown
            return scanned(body.loop, body.inputs_of, compute, values, body.ahead, (shown,))[shown]

        return function, scales[body.loop.shown]

    def _weight(self, name: str, layer: Any, read: Read | None) -> tuple[Tensor, Grid]:
        """The quantized weights of a layer, or what is read in their place, and their grid."""
        grid = self.grid(name)
        weight = on_grid(layer.weight, grid)
        if read is not None:
            weight = read(Stored(f"{name}.weight", layer.weight, weight, grid, self.bits[name]))
        return weight, grid

    def _weighted(self, name: str, layer: Any, scale: Tensor, read: Read | None) -> Prepared:
        """A layer with weights on quantized weights and bias."""
        weight, grid = self._weight(name, layer, read)
        accumulator = (grid.scale.flatten() if grid.scale.ndim else grid.scale) * scale
        bias = layer.bias
        if bias is not None:
            bias_grid = Grid(accumulator, *code_range(BIAS_BITS, signed=True))
            bias = on_grid(bias, bias_grid)
            if read is not None:
                bias = read(Stored(f"{name}.bias", layer.bias, bias, bias_grid, None))
        return lambda values: self._operations[name](values, weight, bias), accumulator

    def forward(self, inputs: Tensor, read: Read | None = None) -> Tensor:
        """Outputs [samples, ...] of inputs [samples, ...], differentiable straight through the roundings.

        Args:
            inputs: Floats.
            read: See ``compute``.
        """
        once = None if read is None else _once(read)

        def compute(name: str, values: Mapping[str, Scaled]) -> Scaled:
            return self.compute(name, [values[source] for source in self.nodes[name].inputs], once)

        outputs, _ = self.schedule.run(compute, (inputs, inputs.new_ones(())))
        return outputs

    def reference(self, inputs: Tensor) -> Tensor:
        """The same by Brevitas' own forward: what the deployment check compares with."""
        # Here and not above: whoever only trains or freezes need not wait for Brevitas.
        from lowland.quantization.fake_quantized.quantizers import value_of
        from lowland.quantization.fake_quantized.reference import Reference

        reference = Reference(self.layer, self._passing, self.bodies)

        def compute(name: str, values: Mapping[str, Any]) -> Any:
            node = self.nodes[name]
            return reference(node, [values[source] for source in node.inputs])

        return value_of(self.schedule.run(compute, inputs))


def _once(read: Read) -> Read:
    """What reads each stored tensor once, however many layers compute with it."""
    known: dict[str, Tensor] = {}

    def kept(tensor: Stored) -> Tensor:
        if tensor.name not in known:
            known[tensor.name] = read(tensor)
        return known[tensor.name]

    return kept


def check_calibrated(quantized: QuantizedNetwork) -> None:
    """Refuse to go on with scales that nobody has set.

    Raises:
        LowlandError: ``calibrate`` has not run.
    """
    if not quantized.calibrated:
        raise LowlandError("the quantized network has no activation scales; expected calibrate(...) to run first")


__all__ = ["INPUT", "QuantizedNetwork", "Read", "Stored", "check_calibrated"]
