"""The Brevitas quantizers and layers of a twin. Importing this file imports Brevitas, which takes two seconds."""

from __future__ import annotations

import torch
from brevitas.inject.enum import ScalingImplType
from brevitas.nn import QuantIdentity, QuantLinear, QuantReLU
from brevitas.quant.base import IntQuant, NarrowIntQuant, PerTensorFloatScaling8bit, UintQuant
from brevitas.quant.scaled_int import Int32Bias
from brevitas.quant.solver.act import ActQuantSolver
from brevitas.quant.solver.weight import WeightQuantSolver
from torch import nn

_SMALLEST_SCALE = 1e-10


class LearnedWeightScale(NarrowIntQuant, PerTensorFloatScaling8bit, WeightQuantSolver):
    """Signed narrow-range weights, one learned scale a tensor (Esser et al. 2020, arXiv:1902.08153)."""

    scaling_impl_type = ScalingImplType.PARAMETER
    scaling_min_val = _SMALLEST_SCALE
    scaling_init = torch.tensor(1.0)


class LearnedUnsignedScale(UintQuant, PerTensorFloatScaling8bit, ActQuantSolver):
    """Unsigned activations behind a rectifier, one learned scale."""

    scaling_impl_type = ScalingImplType.PARAMETER
    scaling_min_val = _SMALLEST_SCALE
    scaling_init = torch.tensor(1.0)


class LearnedSignedScale(IntQuant, PerTensorFloatScaling8bit, ActQuantSolver):
    """Signed inputs, one scale."""

    scaling_impl_type = ScalingImplType.PARAMETER
    scaling_min_val = _SMALLEST_SCALE
    scaling_init = torch.tensor(1.0)


def input_quantizer(bits: int) -> nn.Module:
    """Inputs to signed codes."""
    return QuantIdentity(act_quant=LearnedSignedScale, bit_width=bits, return_quant_tensor=True)


def quantized_relu(bits: int) -> nn.Module:
    """A rectifier with unsigned codes behind it."""
    return QuantReLU(act_quant=LearnedUnsignedScale, bit_width=bits, return_quant_tensor=True)


def quantized_linear(linear: nn.Linear, bits: int) -> nn.Module:
    """A linear layer with the weights of a float one; the bias is quantized at the accumulator's scale."""
    twin = QuantLinear(
        linear.in_features,
        linear.out_features,
        bias=linear.bias is not None,
        weight_quant=LearnedWeightScale,
        weight_bit_width=bits,
        bias_quant=Int32Bias,
        return_quant_tensor=False,
        dtype=linear.weight.dtype,
    )
    # Not strict: the float layer knows no weight scale, which the twin keeps.
    twin.load_state_dict(linear.state_dict(), strict=False)
    return twin
