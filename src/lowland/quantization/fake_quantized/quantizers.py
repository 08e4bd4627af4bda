"""The Brevitas quantizers and layers of a fake-quantized model; importing this file imports Brevitas: two seconds."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from brevitas.inject.enum import ScalingImplType
from brevitas.nn import (
    QuantConv1d,
    QuantConv2d,
    QuantConvTranspose1d,
    QuantConvTranspose2d,
    QuantEmbedding,
    QuantIdentity,
    QuantLinear,
    QuantReLU,
)
from brevitas.nn.quant_layer import QuantWeightBiasInputOutputLayer as QuantWBIOL
from brevitas.quant.base import IntQuant, NarrowIntQuant, PerTensorFloatScaling8bit, UintQuant
from brevitas.quant.scaled_int import Int32Bias
from brevitas.quant.solver.act import ActQuantSolver
from brevitas.quant.solver.weight import WeightQuantSolver
from brevitas.quant_tensor import IntQuantTensor, QuantTensor
from torch import Tensor, nn

from lowland.quantization.effective_weights import KINDS
from lowland.quantization.graph.affine import Affine, affine
from lowland.quantization.graph.operations import geometry, weighted_kind
from lowland.quantization.graph.step import Step
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


class QuantAffine(QuantWBIOL, Affine):
    """A factor and a summand for each channel, quantized: Brevitas has none that names the dimension.

    Args:
        num_channels: Size of the dimension.
        dim: Dimension of the channels, counted from the last one.
        bias: Whether something is added.
        dtype: Of the parameters.
        options: Of Brevitas' layers with weights.
    """

    def __init__(self, num_channels: int, *, dim: int, bias: bool, dtype: torch.dtype, **options: Any) -> None:
        Affine.__init__(self, num_channels, dim=dim, bias=bias)
        self.to(dtype)
        QuantWBIOL.__init__(self, input_quant=None, output_quant=None, return_quant_tensor=False, **_without(options))

    @property
    def per_elem_ops(self) -> int:
        """Operations a result."""
        return 2

    @property
    def output_channel_dim(self) -> int:
        """Of the weights."""
        return 0

    @property
    def out_channels(self) -> int:
        """Number of results."""
        return self.num_channels

    @property
    def channelwise_separable(self) -> bool:
        """Each channel by itself."""
        return True

    def forward(self, values: Tensor | QuantTensor) -> Tensor | QuantTensor:
        """The layer on tensors of Brevitas."""
        result: Tensor | QuantTensor = QuantWBIOL.forward_impl(self, values)
        return result

    def inner_forward_impl(self, x: Tensor, quant_weight: Tensor, quant_bias: Tensor | None) -> Tensor:
        """The layer on plain values."""
        return affine(
            value_of(x), value_of(quant_weight), None if quant_bias is None else value_of(quant_bias), dim=self.dim
        )


WEIGHTED: dict[str, type[nn.Module]] = {
    "linear": QuantLinear,
    "conv1d": QuantConv1d,
    "conv2d": QuantConv2d,
    "conv_transpose1d": QuantConvTranspose1d,
    "conv_transpose2d": QuantConvTranspose2d,
    "affine": QuantAffine,
}


def rounding(bits: int, *, signed: bool) -> nn.Module:
    """Values to codes."""
    scale = LearnedSignedScale if signed else LearnedUnsignedScale
    return QuantIdentity(act_quant=scale, bit_width=bits, return_quant_tensor=True)


def rectifying(bits: int, *, signed: bool = False) -> nn.Module:
    """A rectifier with unsigned codes behind it."""
    return QuantReLU(act_quant=LearnedUnsignedScale, bit_width=bits, return_quant_tensor=True)


class Table(nn.Module):
    """A unary activation of codes whose results are rounded to codes.

    Args:
        function: A layer without parameters.
        bits: Width of the results.
        signed: Whether they can be negative.
    """

    def __init__(self, function: nn.Module, bits: int, *, signed: bool) -> None:
        super().__init__()
        self.function = function
        self.result = rounding(bits, signed=signed)

    def forward(self, values: Tensor | QuantTensor) -> QuantTensor:
        """Results on tensors of Brevitas."""
        return self.result(self.function(value_of(values)))


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
    _keep_masks(quantized, layer, biased=biased)
    return quantized


def quantized_embedding(layer: nn.Embedding, bits: int) -> QuantEmbedding:
    """An embedding with the weights and masks of a float one, all in codes of one scale."""
    quantized = TokenEmbedding(
        layer.num_embeddings,
        layer.embedding_dim,
        layer.padding_idx,
        weight_quant=LearnedWeightScale,
        weight_bit_width=bits,
        return_quant_tensor=True,
        dtype=layer.weight.dtype,
    )
    with torch.no_grad():
        quantized.weight.copy_(layer.weight)
    quantized.weight.requires_grad_(layer.weight.requires_grad)
    _keep_masks(quantized, layer, biased=False)
    return quantized


class TokenEmbedding(QuantEmbedding):
    """An embedding that takes whole numbers of any type."""

    def forward(self, inp: Tensor) -> QuantTensor:
        """Rows [samples, ..., features] of whole numbers [samples, ...]."""
        weight = self.quant_weight()
        return weight.set(value=nn.functional.embedding(inp.to(torch.int64), weight.value, self.padding_idx))


def _keep_masks(quantized: nn.Module, layer: nn.Module, *, biased: bool) -> None:
    """What pruning has put to zero stays there."""
    for kind in KINDS:
        mask, values = layer._buffers.get(f"{kind}_mask"), getattr(layer, kind, None)
        if mask is None or values is None or (kind == "bias" and biased):
            continue
        # A batch-norm that was folded in, or bias correction, gives pruned biases values that are none of pruning's.
        if not bool(values[mask == 0].any()):
            quantized.register_buffer(f"{kind}_mask", mask.clone())


def unquantized(layer: nn.Module) -> nn.Module:
    """A copy of a layer that neither weighs nor rounds; the same object may stand in several places."""
    return FloatPart(copy.deepcopy(layer)._modules) if isinstance(layer, nn.Sequential) else copy.deepcopy(layer)


class FloatPart(nn.Sequential):
    """Layers that stay float.

    Args:
        layers: By name.
    """

    def __init__(self, layers: Any) -> None:
        super().__init__(OrderedDict(layers))


def value_of(tensor: Any) -> Tensor:
    """The floats of a tensor of torch or Brevitas."""
    return tensor.value if isinstance(tensor, QuantTensor) else tensor


def handed_on(layer: nn.Module, step: Step, operands: Sequence[Any]) -> Any:
    """The result of a layer that neither weighs nor rounds, on tensors of Brevitas.

    Brevitas' own average pooling truncates its sums, and it knows few other layers: values are the layer's, the step
    size is the step's.

    Args:
        layer: On floats.
        step: What it becomes.
        operands: What it takes; with step sizes where they are integers.
    """
    values = layer(*map(value_of, operands))
    if not all(isinstance(operand, IntQuantTensor) for operand in operands):
        return values
    return operands[0].set(value=values, scale=step.result_scale(*(operand.scale for operand in operands)))


def _without(options: dict[str, Any]) -> dict[str, Any]:
    """The options that Brevitas' common base of layers with weights takes."""
    return {name: value for name, value in options.items() if name != "return_quant_tensor"}
