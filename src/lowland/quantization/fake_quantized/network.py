"""Fake-quantized models of float networks, in Brevitas: what fine-tuning trains and calibration fills in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lowland.coding.codes import code_range
from lowland.errors import LowlandError
from lowland.quantization.fake_quantized.grid import Grid, on_grid
from lowland.quantization.fake_quantized.placement import INPUT, QuantizedNode
from lowland.quantization.graph.operations import Operation, geometry, operation, weighted_kind
from lowland.quantization.graph.operators import passing_step
from lowland.quantization.graph.step import Step
from lowland.quantization.graph.traced_network import evaluated
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
    """

    def __init__(
        self,
        nodes: Sequence[QuantizedNode],
        layers: nn.ModuleDict,
        precision: Precision,
        given: GivenNetwork | None = None,
    ) -> None:
        super().__init__()
        self.nodes = {node.name: node for node in nodes}
        self.layers = layers
        self.given = given
        self.precision = precision
        self.calibrated: Tensor
        self.register_buffer("calibrated", torch.tensor(False))
        self.bits: dict[str, int] = {}
        self._output = nodes[-1].name
        self._inputs = {node.name: node.inputs for node in nodes}
        self._codes: dict[str, tuple[int, int]] = {}
        self._rectifying: set[str] = set()
        self._operations: dict[str, Operation] = {}
        self._passing: dict[str, Step] = {}
        for node in nodes:
            layer: Any = layers[node.layer]
            if (kind := weighted_kind(layer)) is not None:
                self._operations[node.layer] = operation(kind, geometry(layer))
            if node.role == "passing":
                self._passing[node.name] = passing_step(node.name, node.inputs, layer)
            quantizer = _quantizer(layer)
            if quantizer is None:
                continue
            self.bits[node.layer] = int(quantizer.msb_clamp_bit_width_impl())
            lowest, highest = code_range(self.bits[node.layer], signed=quantizer.int_quant.signed)
            self._codes[node.layer] = (lowest + quantizer.int_quant.narrow_range, highest)
            if lowest == 0 and node.role in ("quantizer", "rectifier"):
                self._rectifying.add(node.layer)

    def threshold(self, name: str) -> nn.Parameter:
        """The learned parameter of a layer's quantizer: scale times the number of codes on its longer side."""
        return _quantizer(self.layers[name]).scaling_impl.value

    @property
    def stored(self) -> dict[str, nn.Parameter]:
        """The parameters that the deployed network stores in codes, by the names that the codes have there."""
        layers = ((name, self.layers[name]) for name in self._operations)
        named = ((f"{name}.{kind}", getattr(layer, kind)) for name, layer in layers for kind in ("weight", "bias"))
        return {name: parameter for name, parameter in named if parameter is not None}

    def grid(self, name: str) -> Grid:
        """The grid of a layer's quantizer (of the weights, if it has any), differentiable by the threshold."""
        lowest, highest = self._codes[name]
        scale = self.threshold(name).abs().clamp_min(SMALLEST_THRESHOLD) / max(-lowest, highest)
        return Grid(scale, lowest, highest, rectifies=name in self._rectifying)

    def compute(self, name: str, operands: Sequence[Scaled], read: Read | None = None) -> Scaled:
        """One node's result and the step size of its integers.

        Args:
            name: Of the node.
            operands: What the nodes give that it takes; a layer with weights quantizes its bias at the step size of the
                integers it takes times its weights' scale.
            read: What the layer computes with in place of its quantized weights and bias; those themselves without it.
        """
        node = self.nodes[name]
        layer: Any = self.layers[node.layer]
        values, scale = operands[0]
        if node.role == "weighted":
            return self._weighted(node.layer, layer, values, scale, read)
        if node.role == "table":
            grid = self.grid(node.layer)
            return on_grid(layer.function(values), grid), grid.scale
        if node.layer in self.bits:
            grid = self.grid(node.layer)
            return on_grid(values, grid), grid.scale
        results = layer(*(value for value, _ in operands))
        if node.role == "passing":
            return results, self._passing[name].result_scale(*(scale for _, scale in operands))
        return results, scale.new_ones(())

    def _weighted(self, name: str, layer: Any, values: Tensor, scale: Tensor, read: Read | None) -> Scaled:
        """A layer with weights on quantized weights and bias."""
        grid = self.grid(name)
        accumulator = (grid.scale.flatten() if grid.scale.ndim else grid.scale) * scale
        weight, bias = on_grid(layer.weight, grid), layer.bias
        if read is not None:
            weight = read(Stored(f"{name}.weight", layer.weight, weight, grid, self.bits[name]))
        if bias is not None:
            bias_grid = Grid(accumulator, *code_range(BIAS_BITS, signed=True))
            bias = on_grid(bias, bias_grid)
            if read is not None:
                bias = read(Stored(f"{name}.bias", layer.bias, bias, bias_grid, None))
        return self._operations[name](values, weight, bias), accumulator

    def forward(self, inputs: Tensor, read: Read | None = None) -> Tensor:
        """Outputs [samples, ...] of inputs [samples, ...], differentiable straight through the roundings.

        Args:
            inputs: Floats.
            read: See ``compute``.
        """
        start = (inputs, inputs.new_ones(()))
        outputs, _ = evaluated(
            self._inputs, lambda name, operands: self.compute(name, operands, read), start, wanted=self._output
        )
        return outputs

    def reference(self, inputs: Tensor) -> Tensor:
        """The same by Brevitas' own forward: what the deployment check compares with."""
        # Here and not above: whoever only trains or freezes need not wait for Brevitas.
        from lowland.quantization.fake_quantized.quantizers import handed_on, value_of

        def compute(name: str, operands: list[Any]) -> Any:
            node = self.nodes[name]
            if node.role == "passing":
                return handed_on(self.layers[node.layer], self._passing[name], operands)
            if node.role in ("float", "island"):
                return self.layers[node.layer](*map(value_of, operands))
            return self.layers[node.layer](*operands)

        return value_of(evaluated(self._inputs, compute, inputs, wanted=self._output))


def _quantizer(layer: nn.Module) -> Any:
    """Brevitas' quantizer inside a layer: of the weights of one that has any, of the results of others."""
    brevitas_layer: Any = getattr(layer, "result", layer)
    if weighted_kind(brevitas_layer) is not None:
        return brevitas_layer.weight_quant.tensor_quant
    if not hasattr(brevitas_layer, "act_quant"):
        return None
    return brevitas_layer.act_quant.fused_activation_quant_proxy.tensor_quant


def check_calibrated(quantized: QuantizedNetwork) -> None:
    """Refuse to go on with scales that nobody has set.

    Raises:
        LowlandError: ``calibrate`` has not run.
    """
    if not quantized.calibrated:
        raise LowlandError("the quantized network has no activation scales; expected calibrate(...) to run first")


__all__ = ["INPUT", "QuantizedNetwork", "Read", "Stored", "check_calibrated"]
