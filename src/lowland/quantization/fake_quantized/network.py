"""Fake-quantized models of float networks, in Brevitas: what fine-tuning trains and calibration fills in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import log2
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.coding.codes import code_range
from lowland.errors import LowlandError
from lowland.quantization.fake_quantized.grid import Grid, on_grid
from lowland.quantization.fake_quantized.placement import INPUT, QuantizedBody, QuantizedNode
from lowland.quantization.graph.loop import Place, scanned
from lowland.quantization.graph.operations import Operation, geometry, operation, weighted_kind
from lowland.quantization.graph.operators import passing_step
from lowland.quantization.graph.step import INPUTS, Step
from lowland.quantization.graph.traced_network import Schedule
from lowland.quantization.precision import BIAS_BITS, SMALLEST_THRESHOLD, Precision
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

_ROUNDING = 1e-4
"""Of logarithms of scales: what float32 adds to a power of two does not double it."""
Prepared = tuple[Callable[..., Tensor], Tensor]
"""A function of values and the step size of the integers that its results stand for."""


class QuantizedNetwork(nn.Module):
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
        super().__init__()
        self.nodes = {node.name: node for node in nodes}
        self.layers = layers
        self.bodies = dict(bodies or {})
        self.given = given
        self.precision = precision
        self.calibrated: Tensor
        self.register_buffer("calibrated", torch.tensor(False))
        self.bits: dict[str, int] = {}
        self.moved: set[str] = set()
        """Names of layers whose range of codes a zero point moves."""
        self.schedule = Schedule({node.name: node.inputs for node in nodes})
        self._codes: dict[str, tuple[int, int]] = {}
        self._rectifying: set[str] = set()
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
            quantizer = _quantizer(layer)
            if quantizer is None:
                continue
            self.bits[node.layer] = int(quantizer.msb_clamp_bit_width_impl())
            lowest, highest = code_range(self.bits[node.layer], signed=quantizer.int_quant.signed)
            self._codes[node.layer] = (lowest + quantizer.int_quant.narrow_range, highest)
            if hasattr(quantizer.int_quant, "lowest"):
                self.moved.add(node.layer)
            elif lowest == 0 and node.role in ("quantizer", "rectifier"):
                self._rectifying.add(node.layer)
        _read_zero_points(self)
        self.register_load_state_dict_post_hook(_read_zero_points)

    @property
    def all_nodes(self) -> Iterator[QuantizedNode]:
        """The nodes, those of bodies before their scan."""
        for node in self.nodes.values():
            if node.role == "scan":
                yield from self.bodies[node.name].nodes
            yield node

    def layer(self, name: str) -> Any:
        """The module of this name, in bodies behind the scan's (``lstm.hidden``)."""
        return self.layers.get_submodule(name)

    def threshold(self, name: str) -> nn.Parameter:
        """The learned parameter of a layer's quantizer.

        Scale times the number of codes on its longer side; with scales that are powers of two, the logarithm to base 2
        of the scale times 2^bits (signed codes: 2^(bits-1)), which is rounded.
        """
        return _quantizer(self.layer(name)).scaling_impl.value

    def set_threshold(self, name: str, threshold: Tensor | float) -> None:
        """Sets the scale of a layer's quantizer; one that must be a power of two becomes the next one above.

        Args:
            name: Of the layer.
            threshold: Scale times the number of codes on the longer side, above 0, of the scale's shape.
        """
        parameter = self.threshold(name)
        with torch.no_grad():
            if self.precision.scale == "float":
                parameter.copy_(torch.as_tensor(threshold))
                return
            lowest, highest = self._codes[name]
            steps = torch.as_tensor(threshold, dtype=torch.float64) / max(-lowest, highest)
            exponent = (steps.log2() - _ROUNDING).ceil()
            parameter.copy_(exponent + log2(self._steps(name)))

    def move(self, name: str, zero_point: int) -> None:
        """Sets the zero point of a layer's quantizer: its codes less this are what is computed with.

        Args:
            name: Of the layer, one of ``moved``.
            zero_point: From 0 to 2^bits - 1.
        """
        _quantizer(self.layer(name)).int_quant.lowest.fill_(-zero_point)
        self._codes[name] = (-zero_point, 2 ** self.bits[name] - 1 - zero_point)

    def _steps(self, name: str) -> int:
        """How many steps a threshold covers."""
        lowest, highest = self._codes[name]
        if self.precision.scale == "float":
            return max(-lowest, highest)
        is_symmetric = lowest < 0 and name not in self.moved
        return int(2 ** (self.bits[name] - is_symmetric))

    @property
    def stored(self) -> dict[str, nn.Parameter]:
        """The parameters that the deployed network stores in codes, by the names that the codes have there."""
        names = (node.layer for node in self.all_nodes if node.role in ("weighted", "embedding"))
        layers = ((name, self.layer(name)) for name in names)
        named = (
            (f"{name}.{kind}", getattr(layer, kind, None)) for name, layer in layers for kind in ("weight", "bias")
        )
        return {name: parameter for name, parameter in named if parameter is not None}

    def grid(self, name: str) -> Grid:
        """The grid of a layer's quantizer (of the weights, if it has any), differentiable by the threshold."""
        lowest, highest = self._codes[name]
        learned = self.threshold(name)
        threshold = learned.abs() if self.precision.scale == "float" else _power_of_two(learned)
        scale = threshold.clamp_min(SMALLEST_THRESHOLD) / self._steps(name)
        return Grid(scale, lowest, highest, rectifies=name in self._rectifying)

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

        def compute(name: str, values: Mapping[str, Scaled]) -> Scaled:
            return self.compute(name, [values[source] for source in self.nodes[name].inputs], read)

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


def _quantizer(layer: nn.Module) -> Any:
    """Brevitas' quantizer inside a layer: of the weights of one that has any, of the results of others."""
    brevitas_layer: Any = getattr(layer, "result", layer)
    if hasattr(brevitas_layer, "weight_quant"):
        return brevitas_layer.weight_quant.tensor_quant
    if not hasattr(brevitas_layer, "act_quant"):
        return None
    return brevitas_layer.act_quant.fused_activation_quant_proxy.tensor_quant


def _power_of_two(exponent: Tensor) -> Tensor:
    """2 to the power of an exponent that is rounded straight through."""
    # x - x is exactly zero and carries the derivative, so the rounded exponent stays a whole number.
    result: Tensor = 2.0 ** (exponent.detach().round() + (exponent - exponent.detach()))
    return result


def _read_zero_points(quantized: QuantizedNetwork, *_: Any) -> None:
    """Takes the ranges of codes from the zero points in the modules: they come with a state."""
    for name in quantized.moved:
        quantized.move(name, -int(_quantizer(quantized.layer(name)).int_quant.lowest))


def check_calibrated(quantized: QuantizedNetwork) -> None:
    """Refuse to go on with scales that nobody has set.

    Raises:
        LowlandError: ``calibrate`` has not run.
    """
    if not quantized.calibrated:
        raise LowlandError("the quantized network has no activation scales; expected calibrate(...) to run first")


__all__ = ["INPUT", "QuantizedNetwork", "Read", "Stored", "check_calibrated"]
