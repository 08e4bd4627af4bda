"""A layer with weights in codes, computed as a runtime with dynamic arithmetic does."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from lowland.quantization.dynamic.activation_codes import CodedActivations, code_activations
from lowland.quantization.dynamic.arithmetic import ActivationCoding, DynamicArithmetic
from lowland.quantization.dynamic.saturating_kernel import saturating_linear
from lowland.quantization.dynamic.weight_codes import channel_axis, code_weights
from lowland.quantization.graph.layer_specs import LAYERS
from lowland.quantization.graph.operations import fan_in, geometry, operation
from lowland.quantization.graph.weighted_step import SINGLE_BITS


class Widths(NamedTuple):
    """Bits of a weight code and of an activation code; the latter 32 where activations stay float."""

    weight_bits: int
    activation_bits: int


class CodedLayer(nn.Module):
    """A linear or (transposed) convolutional layer: codes of weights with their scale, and a float32 bias.

    Args:
        layer: The float layer; left as it came.
        kind: Its key in ``lowland.quantization.graph.operations.OPERATIONS``.
        arithmetic: How it is computed.
        widths: Of its codes.
        per_channel: Whether every output channel has a weight scale of its own, where the arithmetic knows that.

    Raises:
        LowlandError: A convolution that is not padded symmetrically by zeros.
    """

    def __init__(
        self, layer: nn.Module, kind: str, arithmetic: DynamicArithmetic, widths: Widths, *, per_channel: bool
    ) -> None:
        super().__init__()
        self.kind, self.sizes = kind, geometry(layer)
        self.arithmetic, self.widths = arithmetic, widths
        self.operation = operation(kind, self.sizes)
        axis = channel_axis(kind) if per_channel and kind in arithmetic.weights.channels else None
        coded = code_weights(cast(Tensor, layer.weight), arithmetic.weights, bits=widths.weight_bits, axis=axis)
        bias = cast(Tensor | None, layer.bias)
        self.weight: Tensor
        self.scale: Tensor
        self.bias: Tensor | None
        self.register_buffer("weight", coded.codes)
        self.register_buffer("scale", coded.scale)
        self.register_buffer("bias", None if bias is None else bias.detach().clone())

    def float_weight(self) -> Tensor:
        """Codes times scale."""
        return self.weight.to(self.scale.dtype) * self.scale

    def forward(self, values: Tensor, bits: int | Tensor | None = None, *, outliers: Tensor | None = None) -> Tensor:
        """The layer in its runtime's arithmetic; derivatives are those of the layer without roundings.

        Args:
            values: Floats [samples, ...].
            bits: Another width of the activation codes, or one for each row, as ``code_activations`` takes it.
            outliers: What was taken out of the values, in their shape: coded apart, in the layer's own width and with
                scales of its own, and summed by the same kernel; ``None`` for nothing.
        """
        coding = self.arithmetic.activations
        if coding is None or not values.numel():
            whole = values if outliers is None else values + outliers
            return self.operation(whole, self.float_weight(), self.bias)
        bits = self.widths.activation_bits if bits is None else bits
        result = self._rescaled(*self._accumulated(values.detach(), coding, bits), bias=self.bias)
        if outliers is not None:
            own = self.widths.activation_bits
            result = result + self._rescaled(*self._accumulated(outliers.detach(), coding, own), bias=None)
            values = values + outliers
        if not (torch.is_grad_enabled() and values.requires_grad):
            return result
        found: Tensor = WithGradient.apply(result, self.operation(values, self.float_weight(), self.bias))
        return found

    def coded(self, values: Tensor, coding: ActivationCoding, bits: int | Tensor) -> CodedActivations:
        """The codes that the kernel reads."""
        return code_activations(values, coding, bits=bits, row_dims=max(1, self.weight.ndim - 1))

    def _accumulated(self, values: Tensor, coding: ActivationCoding, bits: int | Tensor) -> tuple[Tensor, Tensor]:
        """Exact sums of products of codes, rounded once to the type of the values, and the scale of the activations."""
        activations = self.coded(values, coding, bits)
        if self.kind in self.arithmetic.saturating:
            sums = saturating_linear(activations.codes, activations.zero_point, self.weight)
        else:
            widest = bits if isinstance(bits, int) else int(bits.max())
            reach = 2**widest * 2 ** (self.widths.weight_bits - 1) * fan_in(self.kind, self.sizes)
            dtype = torch.float32 if reach < 2**SINGLE_BITS else torch.float64
            sums = self.operation(activations.centred().to(dtype), self.weight.to(dtype), None)
        return sums.to(values.dtype), activations.scale

    def _rescaled(self, sums: Tensor, scale: Tensor, *, bias: Tensor | None) -> Tensor:
        """Accumulators in the units of the outputs, plus a bias, in the order of roundings of the runtime."""
        by_channel = (-1, *[1] * (self.weight.ndim - 2))
        weight_scale = self.scale.reshape(by_channel) if self.scale.ndim else self.scale
        bias = None if bias is None else bias.reshape(by_channel)
        if self.arithmetic.rescaling == "scales_first":
            result = sums * (scale * weight_scale)
        elif self.arithmetic.rescaling == "activations_first" or bias is None:
            result = (sums * scale) * weight_scale
        else:
            # The product of two float32 numbers is exact in float64.
            return ((sums * scale).double() * weight_scale.double() + bias.double()).to(sums.dtype)
        return result if bias is None else result + bias

    def dequantized(self) -> nn.Module:
        """An ordinary layer of torch with parameters code * scale, behind what rounds its inputs."""
        # Built on meta and filled: initial weights would advance torch's global generator.
        layer = LAYERS[self.kind][0](**self.sizes, bias=self.bias is not None, device="meta")
        layer.weight = nn.Parameter(self.float_weight())
        if self.bias is not None:
            layer.bias = nn.Parameter(self.bias.clone())
        coding = self.arithmetic.activations
        if coding is None:
            return layer
        rounding = RoundedActivations(coding, bits=self.widths.activation_bits, row_dims=self.weight.ndim - 1)
        return nn.Sequential(OrderedDict[str, nn.Module](activations=rounding, layer=layer))


class RoundedActivations(nn.Module):
    """Values rounded to what their codes stand for, differentiable straight through.

    Args:
        coding: How they are coded.
        bits: Width of the codes.
        row_dims: Dimensions of a row.
    """

    def __init__(self, coding: ActivationCoding, *, bits: int, row_dims: int) -> None:
        super().__init__()
        self.coding, self.bits, self.row_dims = coding, bits, row_dims

    def forward(self, values: Tensor, bits: int | Tensor | None = None) -> Tensor:
        """The rounded values; ``bits`` is another width, or one for each row, as ``code_activations`` takes it."""
        bits = self.bits if bits is None else bits
        coded = code_activations(values.detach(), self.coding, bits=bits, row_dims=self.row_dims)
        return values + (coded.values() - values).detach()


class WithGradient(torch.autograd.Function):
    """The first tensor with the derivatives of the second."""

    generate_vmap_rule = True

    @staticmethod
    def forward(values: Tensor, smooth: Tensor) -> Tensor:
        """The first."""
        return values.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        """Nothing is needed."""

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        """All to the second."""
        return None, gradients[0]
