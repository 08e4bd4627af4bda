"""The Brevitas quantizers and layers of a fake-quantized model; importing this file imports Brevitas: two seconds."""

from __future__ import annotations

import copy
from math import prod
from typing import Any

import torch
from brevitas.inject.enum import ScalingImplType
from brevitas.nn import QuantConv1d, QuantConv2d, QuantConvTranspose2d, QuantIdentity, QuantLinear, QuantReLU
from brevitas.quant.base import IntQuant, NarrowIntQuant, PerTensorFloatScaling8bit, UintQuant
from brevitas.quant.scaled_int import Int32Bias
from brevitas.quant.solver.act import ActQuantSolver
from brevitas.quant.solver.weight import WeightQuantSolver
from brevitas.quant_tensor import IntQuantTensor, QuantTensor
from torch import Tensor, nn

from lowland.quantization.effective_weights import KINDS
from lowland.quantization.graph.operations import geometry, weighted_kind
from lowland.quantization.graph.pooling_steps import pair
from lowland.quantization.precision import BIAS_BITS, SMALLEST_THRESHOLD


class LearnedWeightScale(NarrowIntQuant, PerTensorFloatScaling8bit, WeightQuantSolver):
    """Signed narrow-range weights, one learned scale a tensor (Esser et al. 2020, arXiv:1902.08153)."""

    scaling_impl_type = ScalingImplType.PARAMETER
    scaling_min_val = SMALLEST_THRESHOLD
    scaling_init = torch.tensor(1.0)


class LearnedChannelScale(LearnedWeightScale):
    """Signed narrow-range weights, one learned scale an output channel."""

    scaling_per_output_channel = True


class WideBias(Int32Bias):
    """Biases at the accumulator's scale, in words that large biases do not leave even where that scale is tiny."""

    bit_width = BIAS_BITS


class LearnedUnsignedScale(UintQuant, PerTensorFloatScaling8bit, ActQuantSolver):
    """Unsigned activations behind a rectifier, or inputs that are never negative; one learned scale."""

    scaling_impl_type = ScalingImplType.PARAMETER
    scaling_min_val = SMALLEST_THRESHOLD
    scaling_init = torch.tensor(1.0)


class LearnedSignedScale(IntQuant, PerTensorFloatScaling8bit, ActQuantSolver):
    """Signed inputs, one scale."""

    scaling_impl_type = ScalingImplType.PARAMETER
    scaling_min_val = SMALLEST_THRESHOLD
    scaling_init = torch.tensor(1.0)


WEIGHTED: dict[str, type[nn.Module]] = {
    "linear": QuantLinear,
    "conv1d": QuantConv1d,
    "conv2d": QuantConv2d,
    "conv_transpose2d": QuantConvTranspose2d,
}


def input_quantizer(bits: int, *, signed: bool) -> nn.Module:
    """Inputs to codes."""
    scale = LearnedSignedScale if signed else LearnedUnsignedScale
    return QuantIdentity(act_quant=scale, bit_width=bits, return_quant_tensor=True)


def quantized_relu(bits: int) -> nn.Module:
    """A rectifier with unsigned codes behind it."""
    return QuantReLU(act_quant=LearnedUnsignedScale, bit_width=bits, return_quant_tensor=True)


def quantized_layer(layer: Any, bits: int, *, per_channel: bool, biased: bool) -> Any:
    """A layer with the weights and masks of a float one; the bias is quantized at the accumulator's scale.

    Args:
        layer: Of a kind with weights.
        bits: Width of the weight codes.
        per_channel: Whether each output channel has a scale of its own.
        biased: Whether a layer without bias gets one of zeros.
    """
    kind = weighted_kind(layer)
    assert kind is not None  # the chain holds no others
    sizes = {name: tuple(size) if isinstance(size, list) else size for name, size in geometry(layer).items()}
    quantized: Any = WEIGHTED[kind](
        **sizes,
        bias=layer.bias is not None or biased,
        weight_quant=LearnedChannelScale if per_channel else LearnedWeightScale,
        weight_bit_width=bits,
        bias_quant=WideBias,
        return_quant_tensor=False,
        dtype=layer.weight.dtype,
    )
    with torch.no_grad():
        quantized.weight.copy_(layer.weight)
        if layer.bias is not None:
            quantized.bias.copy_(layer.bias)
        elif biased:
            nn.init.zeros_(quantized.bias)
    quantized.weight.requires_grad_(layer.weight.requires_grad)
    if quantized.bias is not None:
        quantized.bias.requires_grad_((layer.weight if layer.bias is None else layer.bias).requires_grad)
    for kind in KINDS:
        mask, values = layer._buffers.get(f"{kind}_mask"), getattr(layer, kind)
        # A batch-norm that was folded in, or bias correction, gives pruned biases values that are none of pruning's.
        kept = mask is not None and not (kind == "bias" and biased) and not bool(values[mask == 0].any())
        if kept:
            quantized.register_buffer(f"{kind}_mask", mask.clone())
    return quantized


def passing_layer(layer: nn.Module) -> nn.Module:
    """The same pooling or change of shape on tensors of Brevitas."""
    if isinstance(layer, nn.AvgPool2d):
        return AveragePool(layer.kernel_size, layer.stride, layer.padding)
    if isinstance(layer, nn.Unflatten):
        return Unflatten(layer.dim, layer.unflattened_size)
    return copy.deepcopy(layer)  # the same object may stand in several places


class AveragePool(nn.AvgPool2d):
    """Average pooling that keeps all codes: sums at a scale divided by their number (Brevitas' own truncates them)."""

    @property
    def area(self) -> int:
        """Number of values that are averaged."""
        return prod(pair(self.kernel_size))

    def forward(self, input: Tensor | QuantTensor) -> Tensor | QuantTensor:
        """Means of values [samples, channels, height, width]."""
        if not isinstance(input, IntQuantTensor):
            return super().forward(input)
        return input.set(
            value=super().forward(input.value),
            scale=input.scale / self.area,
            bit_width=input.bit_width + (self.area - 1).bit_length(),
        )


class Unflatten(nn.Unflatten):
    """A change of shape that Brevitas' tensors do not know."""

    def forward(self, input: Tensor | QuantTensor) -> Tensor | QuantTensor:
        """The same values in their new shape."""
        if isinstance(input, QuantTensor):
            return input.set(value=super().forward(input.value))
        return super().forward(input)


class FloatPart(nn.Sequential):
    """Layers that stay float, fed with the values of what comes in."""

    def forward(self, input: Tensor | QuantTensor) -> Tensor:
        """The layers' floats."""
        return super().forward(input.value if isinstance(input, QuantTensor) else input)
