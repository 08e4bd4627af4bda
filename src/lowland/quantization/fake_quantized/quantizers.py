"""The Brevitas quantizers and layers of a fake-quantized model; importing this file imports Brevitas: two seconds."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from brevitas.core.function_wrapper import RoundSte
from brevitas.core.quant import IntQuant
from brevitas.inject import ExtendedInjector
from brevitas.inject.enum import RestrictValueType, ScalingImplType
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
from brevitas.quant.base import IntQuant as SignedQuant
from brevitas.quant.base import NarrowIntQuant, PerTensorFloatScaling8bit, UintQuant
from brevitas.quant.scaled_int import Int32Bias
from brevitas.quant.solver.act import ActQuantSolver
from brevitas.quant.solver.weight import WeightQuantSolver
from brevitas.quant_tensor import IntQuantTensor, QuantTensor
from torch import Tensor, nn

from lowland.quantization.effective_weights import KINDS
from lowland.quantization.graph.affine import Affine, affine
from lowland.quantization.graph.operations import geometry, weighted_kind
from lowland.quantization.graph.step import Step
from lowland.quantization.precision import BIAS_BITS, SMALLEST_THRESHOLD, Precision


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


class LearnedSignedScale(SignedQuant, PerTensorFloatScaling8bit, ActQuantSolver):
    """Signed inputs, one scale."""

    scaling_impl_type = ScalingImplType.PARAMETER
    scaling_min_val = SMALLEST_THRESHOLD
    scaling_init = torch.tensor(1.0)


class PowersOfTwo(ExtendedInjector):
    """Step sizes that are powers of two: the logarithm of a threshold is learned, rounded straight through.

    Source: Jain et al. 2020, arXiv:1903.08066, who round up; rounding to the nearest leaves a calibrated scale in the
    middle of the range in which it stays.
    """

    restrict_scaling_type = RestrictValueType.POWER_OF_TWO
    restrict_value_float_to_int_impl = RoundSte


class PowerOfTwoWeightScale(PowersOfTwo, LearnedWeightScale):
    """``LearnedWeightScale`` in powers of two."""


class PowerOfTwoChannelScale(PowersOfTwo, LearnedChannelScale):
    """``LearnedChannelScale`` in powers of two."""


class PowerOfTwoUnsignedScale(PowersOfTwo, LearnedUnsignedScale):
    """``LearnedUnsignedScale`` in powers of two."""


class PowerOfTwoSignedScale(PowersOfTwo, LearnedSignedScale):
    """``LearnedSignedScale`` in powers of two."""


class MovedIntQuant(IntQuant):
    """Codes minus a zero point: whole numbers from ``lowest`` up, 0 among them.

    Brevitas adds its zero points before it rounds, so that they decide ties and cost float32 some digits; the deployed
    arithmetic adds them to codes, where they cancel.

    Args:
        bit_width: Of the codes.
        input_view_impl: As Brevitas has it.
        float_to_int_impl: Rounds.
    """

    def __init__(self, bit_width: int, input_view_impl: nn.Module, float_to_int_impl: nn.Module) -> None:
        super().__init__(False, True, input_view_impl, float_to_int_impl)
        self.lowest: Tensor
        self.register_buffer("lowest", torch.tensor(-(2.0 ** (bit_width - 1))))

    def min_int(self, bit_width: Tensor) -> Tensor:
        """The lowest one."""
        return self.lowest

    def max_int(self, bit_width: Tensor) -> Tensor:
        """The highest one."""
        return self.lowest + 2**bit_width - 1


class LongerSide(nn.Module):
    """How many steps of a moved range a threshold covers: its longer side.

    Args:
        int_quant: That moves it.
    """

    def __init__(self, int_quant: MovedIntQuant) -> None:
        super().__init__()
        self._int_quant = (int_quant,)  # not as a module: it is one elsewhere

    def forward(self, bit_width: Tensor) -> Tensor:
        """Number of steps."""
        (quantizer,) = self._int_quant
        return torch.maximum(-quantizer.min_int(bit_width), quantizer.max_int(bit_width))


class AllCodes(nn.Module):
    """The same where steps are powers of two: 2^bits."""

    def __init__(self) -> None:  # Brevitas' injection reads the arguments of this very class
        super().__init__()

    def forward(self, bit_width: Tensor) -> Tensor:
        """Number of steps."""
        return 2**bit_width


class LearnedMovedScale(LearnedSignedScale):
    """Activations around a zero point, one learned scale."""

    int_quant = MovedIntQuant
    int_scaling_impl = LongerSide


class PowerOfTwoMovedScale(PowersOfTwo, LearnedSignedScale):
    """``LearnedMovedScale`` in powers of two."""

    int_quant = MovedIntQuant
    int_scaling_impl = AllCodes


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


_ACTIVATION_SCALES = {
    ("float", "unsigned"): LearnedUnsignedScale,
    ("float", "symmetric"): LearnedSignedScale,
    ("float", "asymmetric"): LearnedMovedScale,
    ("power_of_two", "unsigned"): PowerOfTwoUnsignedScale,
    ("power_of_two", "symmetric"): PowerOfTwoSignedScale,
    ("power_of_two", "asymmetric"): PowerOfTwoMovedScale,
}


def rounding(bits: int, precision: Precision, *, signed: bool) -> nn.Module:
    """Values to codes.

    Args:
        bits: Width.
        precision: Says how scales and ranges are.
        signed: Whether values can be negative.
    """
    kind = "unsigned" if not signed else precision.activations
    return QuantIdentity(act_quant=_ACTIVATION_SCALES[precision.scale, kind], bit_width=bits, return_quant_tensor=True)


def rectifying(bits: int, precision: Precision, *, signed: bool = False) -> nn.Module:
    """A rectifier with unsigned codes behind it."""
    scale = _ACTIVATION_SCALES[precision.scale, "unsigned"]
    return QuantReLU(act_quant=scale, bit_width=bits, return_quant_tensor=True)


class Table(nn.Module):
    """A unary activation of codes whose results are rounded to codes.

    Args:
        function: A layer without parameters.
        bits: Width of the results.
        precision: Says how their scales and ranges are.
        signed: Whether they can be negative.
    """

    def __init__(self, function: nn.Module, bits: int, precision: Precision, *, signed: bool) -> None:
        super().__init__()
        self.function = function
        self.result = rounding(bits, precision, signed=signed)

    def forward(self, values: Tensor | QuantTensor) -> QuantTensor:
        """Results on tensors of Brevitas."""
        return self.result(self.function(value_of(values)))


_WEIGHT_SCALES = {
    ("float", False): LearnedWeightScale,
    ("float", True): LearnedChannelScale,
    ("power_of_two", False): PowerOfTwoWeightScale,
    ("power_of_two", True): PowerOfTwoChannelScale,
}


def quantized_layer(layer: Any, bits: int, precision: Precision) -> Any:
    """A layer with the weights and masks of a float one; the bias is quantized at the accumulator's scale.

    Args:
        layer: Of a kind with weights.
        bits: Width of the weight codes.
        precision: Says how their scales are; with bias correction, a layer without bias gets one of zeros.
    """
    biased = precision.bias_correction
    kind = weighted_kind(layer)
    assert kind is not None  # the chain holds no others
    sizes = {name: tuple(size) if isinstance(size, list) else size for name, size in geometry(layer).items()}
    quantized: Any = WEIGHTED[kind](
        **sizes,
        bias=layer.bias is not None or biased,
        weight_quant=_WEIGHT_SCALES[precision.scale, bool(precision.per_channel)],
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


def quantized_embedding(layer: nn.Embedding, bits: int, precision: Precision) -> QuantEmbedding:
    """An embedding with the weights and masks of a float one, all in codes of one scale."""
    quantized = TokenEmbedding(
        layer.num_embeddings,
        layer.embedding_dim,
        layer.padding_idx,
        weight_quant=_WEIGHT_SCALES[precision.scale, False],
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
