"""Fake-quantized models of float networks, in Brevitas: what fine-tuning trains and calibration fills in."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lowland.coding.codes import code_range
from lowland.errors import LowlandError
from lowland.quantization.calibration.equalization import equalized
from lowland.quantization.fake_quantized.grid import Grid, on_grid
from lowland.quantization.graph.chain import chain
from lowland.quantization.graph.operations import Operation, geometry, operation, weighted_kind
from lowland.quantization.graph.pooling_steps import pair
from lowland.quantization.precision import BIAS_BITS, SMALLEST_THRESHOLD, Precision, check_bits
from lowland.quantization.same_function import GivenNetwork

INPUT = "input"
"""The name of the input quantizer."""


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


class QuantizedNetwork(nn.Module):
    """A float network with fake quantizers: it trains like any module and is frozen into an integer network.

    ``layers`` are Brevitas' own modules and hold all state; ``reference`` runs them as Brevitas does. ``forward``
    computes the same values and derivatives with a fraction of the overhead.

    Args:
        layers: ``input`` (QuantIdentity), then layers with weights (QuantLinear, QuantConv2d, ...) and QuantReLU in
            turn, with pooling and changes of shape between them; what stays float comes last.
        precision: What it was built for: how ``calibrate`` finds its scales.
        given: What it was built of, for ``calibrate`` to compare the function with; no part of its state.
    """

    def __init__(self, layers: nn.Sequential, precision: Precision, given: GivenNetwork | None = None) -> None:
        super().__init__()
        self.layers = layers
        self.given = given
        self.precision = precision
        self.calibrated: Tensor
        self.register_buffer("calibrated", torch.tensor(False))
        self.bits: dict[str, int] = {}
        self._codes: dict[str, tuple[int, int]] = {}
        self._operations: dict[str, Operation] = {}
        for name, layer in layers.named_children():
            if (kind := weighted_kind(layer)) is not None:
                self._operations[name] = operation(kind, geometry(layer))
            quantizer = _quantizer(layer)
            if quantizer is None:
                continue
            self.bits[name] = int(quantizer.msb_clamp_bit_width_impl())
            lowest, highest = code_range(self.bits[name], signed=quantizer.int_quant.signed)
            self._codes[name] = (lowest + quantizer.int_quant.narrow_range, highest)

    def threshold(self, name: str) -> nn.Parameter:
        """The learned parameter of a layer's quantizer: scale times the number of codes on its longer side."""
        return _quantizer(self.layers.get_submodule(name)).scaling_impl.value

    @property
    def stored(self) -> dict[str, nn.Parameter]:
        """The parameters that the deployed network stores in codes, by the names that the codes have there."""
        layers = ((name, self.layers.get_submodule(name)) for name in self._operations)
        named = ((f"{name}.{kind}", getattr(layer, kind)) for name, layer in layers for kind in ("weight", "bias"))
        return {name: parameter for name, parameter in named if parameter is not None}

    def grid(self, name: str) -> Grid:
        """The grid of a layer's quantizer (of the weights, if it has any), differentiable by the threshold."""
        lowest, highest = self._codes[name]
        scale = self.threshold(name).abs().clamp_min(SMALLEST_THRESHOLD) / max(-lowest, highest)
        return Grid(scale, lowest, highest, rectifies=lowest == 0 and name != INPUT)

    def compute(self, name: str, values: Tensor, scale: Tensor, read: Read | None = None) -> tuple[Tensor, Tensor]:
        """One layer's result and the scale of its codes.

        Args:
            name: A layer of ``layers``.
            values: What the layer before gave.
            scale: The scale of its codes; a layer with weights quantizes its bias at this times its weights' scale.
            read: What the layer computes with in place of its quantized weights and bias; those themselves without it.
        """
        layer: Any = self.layers.get_submodule(name)
        if name in self._operations:
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
        if name in self.bits:
            grid = self.grid(name)
            return on_grid(values, grid), grid.scale
        if isinstance(layer, nn.AvgPool2d):  # sums of codes, at a scale divided by their number
            scale = scale / prod(pair(layer.kernel_size))
        return layer(values), scale

    def forward(self, inputs: Tensor, read: Read | None = None) -> Tensor:
        """Outputs [samples, ...] of inputs [samples, ...], differentiable straight through the roundings.

        Args:
            inputs: Floats.
            read: See ``compute``.
        """
        values, scale = inputs, inputs.new_ones(())
        for name in self.layers._modules:
            values, scale = self.compute(name, values, scale, read)
        return values

    def reference(self, inputs: Tensor) -> Tensor:
        """The same by Brevitas' own forward: what the deployment check compares with."""
        return self.layers(inputs)


def _quantizer(layer: nn.Module) -> Any:
    """Brevitas' quantizer inside a layer: of the weights of one that has any, of the results of others."""
    brevitas_layer: Any = layer
    if weighted_kind(layer) is not None:
        return brevitas_layer.weight_quant.tensor_quant
    if not hasattr(layer, "act_quant"):
        return None
    return brevitas_layer.act_quant.fused_activation_quant_proxy.tensor_quant


def check_calibrated(quantized: QuantizedNetwork) -> None:
    """Refuse to go on with scales that nobody has set.

    Raises:
        LowlandError: ``calibrate`` has not run.
    """
    if not quantized.calibrated:
        raise LowlandError("the quantized network has no activation scales; expected calibrate(...) to run first")


def build_quantized(
    network: nn.Module,
    precision: Precision,
    *,
    input_bits: int,
    input_signed: bool = True,
    float_from: str | None = None,
    per_channel: bool = False,
) -> QuantizedNetwork:
    """A float network with fake quantizers, carrying its weights; ``calibrate`` it before use.

    Batch-norm is folded first, then layers are equalized where the precision asks for it. Weights are signed and
    narrow-range, hidden activations unsigned, each tensor with one scale that is a parameter; the inputs' scale is
    fixed by calibration and not trained. Biases are quantized at the accumulator's scale; with bias correction every
    layer has one. The outputs are the last accumulators, not requantized.

    Weights are those that a layer computes with, whatever prunes, normalises or parametrizes them. Frozen ones
    (``requires_grad=False``) stay frozen and so does their scale; a bias that is frozen is moved by bias correction
    alone.

    Args:
        network: See ``chain``; left as it came.
        precision: Method ``qat`` or ``ptq``.
        input_bits: Width of the input codes, 2 to 16.
        input_signed: Whether inputs can be negative; if not, no bit is spent on a sign and what lies below 0 becomes 0.
        float_from: Name of the layer (or nested sequential) from which on the network stays float, such as
            ``decoder``; by default nothing does.
        per_channel: Whether weights have one scale per output channel instead of one per tensor.

    Raises:
        LowlandError: Method ``float``, a width out of range, layers that cannot be quantized, or batch-norm in training
            mode.
    """
    # Here and not above: whoever only runs integer networks need not wait for Brevitas.
    from lowland.quantization.fake_quantized import quantizers

    if precision.method == "float":
        raise LowlandError("precision method is 'float'; expected 'qat' or 'ptq' (float networks are not quantized)")
    check_bits("input_bits", input_bits)
    parts = chain(network, float_from=float_from)
    layers = equalized(parts.layers) if precision.equalization else parts.layers
    first = quantizers.input_quantizer(input_bits, signed=input_signed)
    modules: OrderedDict[str, nn.Module] = OrderedDict({INPUT: first})
    with torch.random.fork_rng(devices=[]):  # Brevitas' layers draw initial weights before they get the network's
        for name, layer in layers.items():
            if weighted_kind(layer) is not None:
                if per_channel and isinstance(layer, nn.ConvTranspose2d) and layer.groups > 1:
                    raise LowlandError(f"layer {name} is transposed and has groups; expected per_channel=False for it")
                modules[name] = quantizers.quantized_layer(
                    layer, precision.weight_bits, per_channel=per_channel, biased=precision.bias_correction
                )
            elif isinstance(layer, nn.ReLU):
                modules[name] = quantizers.quantized_relu(precision.activation_bits)
            else:
                modules[name] = quantizers.passing_layer(layer)
    if parts.island is not None:
        name, island = parts.island
        modules[name] = copy.deepcopy(quantizers.FloatPart(OrderedDict(island._modules)))
    given = GivenNetwork(network, [*parts.layers.values(), *([parts.island[1]] if parts.island is not None else [])])
    quantized = QuantizedNetwork(nn.Sequential(modules), precision, given)
    quantized.threshold(INPUT).requires_grad_(False)
    for name, parameter in quantized.stored.items():
        owner, _, kind = name.rpartition(".")
        if kind == "weight":  # the scale of frozen weights is a part of them
            quantized.threshold(owner).requires_grad_(parameter.requires_grad)
    return quantized
