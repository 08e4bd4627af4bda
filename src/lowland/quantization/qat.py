"""Brevitas twins of float networks: what fine-tuning trains and calibration fills in."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.quantization.codes import code_range
from lowland.quantization.precision import Precision, check_bits

INPUT = "input"
"""The name of the twin's input quantizer."""

BIAS_BITS = 32
"""Width of bias codes while training; freezing finds the smallest that holds them."""


SMALLEST_THRESHOLD = 1e-10
"""Learned thresholds are clamped here, so that no scale becomes 0."""


class Grid(NamedTuple):
    """Where a quantizer puts values: multiples of ``scale`` from ``lowest`` to ``highest``."""

    scale: Tensor
    lowest: int
    highest: int


class _FakeQuantize(torch.autograd.Function):
    """Round and clamp as Brevitas does, in one node of the graph instead of twenty.

    y = s·clamp(round(x/s)); dy/dx = 1 inside the range and 0 outside; dy/ds = y/s - x/s inside and y/s outside.
    Brevitas' own graph has these values and, each rounding being straight through, these derivatives of every order.
    Masks are applied by ``hardtanh_backward``, which vectorises where boolean tensors do not (4 times as fast).
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, scale: Tensor, lowest: int, highest: int) -> Tensor:
        scaled = values / scale
        rounded = scaled.round()
        codes = rounded.clamp(lowest, highest)
        # Unsigned codes come with a rectifier, whose derivative is 0 at zero and below.
        ctx.range = (rounded, lowest - 0.5, highest + 0.5) if lowest < 0 else (scaled, 0.0, highest + 0.5)
        ctx.save_for_backward(codes - _inside(scaled, *ctx.range) if ctx.needs_input_grad[1] else None)
        return codes.mul_(scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        (gradient,) = gradients
        (slope,) = ctx.saved_tensors
        to_values = _inside(gradient, *ctx.range) if ctx.needs_input_grad[0] else None
        to_scale = (gradient * slope).sum() if ctx.needs_input_grad[1] else None
        return to_values, to_scale, None, None


def _inside(values: Tensor, position: Tensor, low: float, high: float) -> Tensor:
    """Values where low < position < high, else 0."""
    return torch.ops.aten.hardtanh_backward(values, position, low, high)


def on_grid(values: Tensor, grid: Grid) -> Tensor:
    """Values rounded to a grid, differentiable straight through.

    Args:
        values: Floats of any shape.
        grid: Its scale a scalar.
    """
    return _FakeQuantize.apply(values, *grid)


class QuantizedNetwork(nn.Module):
    """The Brevitas twin of a float network: it trains like any module and is frozen into an integer network.

    ``layers`` are Brevitas' own modules and hold all state; ``reference`` runs them as Brevitas does. ``forward``
    computes the same values and derivatives with a fraction of the overhead.

    Args:
        layers: ``input`` (QuantIdentity), then alternately QuantLinear and QuantReLU, ending in QuantLinear.
    """

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.layers = layers
        self.calibrated: Tensor
        self.register_buffer("calibrated", torch.tensor(False))
        self.bits = {name: int(_quantizer(layer).msb_clamp_bit_width_impl()) for name, layer in layers.named_children()}
        self._codes: dict[str, tuple[int, int]] = {}
        for name, layer in layers.named_children():
            integers = _quantizer(layer).int_quant
            lowest, highest = code_range(self.bits[name], signed=integers.signed)
            self._codes[name] = (lowest + integers.narrow_range, highest)

    def threshold(self, name: str) -> nn.Parameter:
        """The learned parameter of a layer's quantizer: scale times the number of codes on its longer side."""
        return _quantizer(self.layers.get_submodule(name)).scaling_impl.value

    def grid(self, name: str) -> Grid:
        """The grid of a layer's quantizer (of the weights in linear layers), differentiable by the threshold."""
        lowest, highest = self._codes[name]
        return Grid(self.threshold(name).abs().clamp_min(SMALLEST_THRESHOLD) / max(-lowest, highest), lowest, highest)

    def compute(self, name: str, values: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """One layer's result and the scale of its codes.

        Args:
            name: A layer of ``layers``.
            values: What the layer before gave.
            scale: The scale of its codes; a linear layer quantizes its bias at this times its weights' scale.
        """
        layer, grid = self.layers.get_submodule(name), self.grid(name)
        if not isinstance(layer, nn.Linear):
            return on_grid(values, grid), grid.scale
        accumulator = grid.scale * scale
        bias: Tensor | None = layer.bias
        if bias is not None:
            bias = on_grid(bias, Grid(accumulator, *code_range(BIAS_BITS, signed=True)))
        return functional.linear(values, on_grid(layer.weight, grid), bias), accumulator

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [rows, outputs] of inputs [rows, features], differentiable straight through the roundings."""
        values, scale = inputs, inputs.new_ones(())
        for name in self.bits:
            values, scale = self.compute(name, values, scale)
        return values

    def reference(self, inputs: Tensor) -> Tensor:
        """The same by Brevitas' own forward: what the deployment check compares with."""
        return self.layers(inputs)


def _quantizer(layer: nn.Module) -> Any:
    """Brevitas' quantizer inside a layer: of the weights of a linear one, of the results of others."""
    brevitas_layer: Any = layer
    if isinstance(layer, nn.Linear):
        return brevitas_layer.weight_quant.tensor_quant
    return brevitas_layer.act_quant.fused_activation_quant_proxy.tensor_quant


def check_calibrated(quantized: QuantizedNetwork) -> None:
    """Refuse to go on with scales that nobody has set.

    Raises:
        LowlandError: ``calibrate`` has not run.
    """
    if not quantized.calibrated:
        raise LowlandError("the quantized network has no activation scales; expected calibrate(...) to run first")


def float_layers(network: nn.Module) -> nn.Sequential:
    """The layers of a network that can be quantized: Linear, ReLU, Linear, ..., Linear.

    Raises:
        LowlandError: Another structure; the first layer that does not fit is named.
    """
    layers = network if isinstance(network, nn.Sequential) else getattr(network, "layers", None)
    if not isinstance(layers, nn.Sequential):
        raise LowlandError(f"network is a {type(network).__name__}; expected an nn.Sequential or one in `.layers`")
    for index, layer in enumerate(layers):
        expected = nn.ReLU if index % 2 else nn.Linear
        if not isinstance(layer, expected):
            raise LowlandError(
                f"layer {index} of the network is {type(layer).__name__}; expected {expected.__name__} "
                "(Linear and ReLU in turn can be quantized)"
            )
    if len(layers) % 2 == 0:
        raise LowlandError(f"the network has {len(layers)} layers; expected Linear and ReLU in turn, Linear last")
    return layers


def build_quantized(network: nn.Module, precision: Precision, *, input_bits: int) -> QuantizedNetwork:
    """The Brevitas twin of a float network, carrying its weights; ``calibrate`` it before use.

    Weights are signed and narrow-range, hidden activations unsigned, each tensor with one scale that is a parameter;
    the inputs' scale is fixed by calibration and not trained. Biases are quantized at the accumulator's scale. The
    outputs are the last accumulators, not requantized.

    Args:
        network: Linear and ReLU in turn, in an ``nn.Sequential`` or in its attribute ``layers``; left as it came.
        precision: Method ``qat`` or ``ptq``.
        input_bits: Width of the input codes, 2 to 16.

    Raises:
        LowlandError: Method ``float``, a width out of range, or layers that cannot be quantized.
    """
    # Here and not above: whoever only runs integer networks need not wait for Brevitas.
    from lowland.quantization import quantizers

    if precision.method == "float":
        raise LowlandError("precision method is 'float'; expected 'qat' or 'ptq' (float networks have no twin)")
    check_bits("input_bits", input_bits)
    twin: OrderedDict[str, nn.Module] = OrderedDict({INPUT: quantizers.input_quantizer(input_bits)})
    with torch.random.fork_rng(devices=[]):  # Brevitas' layers draw initial weights before they get the network's
        for name, layer in float_layers(network).named_children():
            if isinstance(layer, nn.Linear):
                twin[name] = quantizers.quantized_linear(layer, precision.weight_bits)
            else:
                twin[name] = quantizers.quantized_relu(precision.activation_bits)
    quantized = QuantizedNetwork(nn.Sequential(twin))
    quantized.threshold(INPUT).requires_grad_(False)
    return quantized
