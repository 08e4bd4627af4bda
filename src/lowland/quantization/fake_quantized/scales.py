"""Which codes and scales Brevitas learns: of weights, of biases, of activations."""

from __future__ import annotations

import torch
from brevitas.core.function_wrapper import RoundSte
from brevitas.core.quant import IntQuant
from brevitas.inject import ExtendedInjector
from brevitas.inject.enum import RestrictValueType, ScalingImplType
from brevitas.quant.base import IntQuant as SignedQuant
from brevitas.quant.base import NarrowIntQuant, PerTensorFloatScaling8bit, UintQuant
from brevitas.quant.scaled_int import Int32Bias
from brevitas.quant.solver.act import ActQuantSolver
from brevitas.quant.solver.weight import WeightQuantSolver
from torch import Tensor, nn

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


ACTIVATION_SCALES = {
    ("float", "unsigned"): LearnedUnsignedScale,
    ("float", "symmetric"): LearnedSignedScale,
    ("float", "asymmetric"): LearnedMovedScale,
    ("power_of_two", "unsigned"): PowerOfTwoUnsignedScale,
    ("power_of_two", "symmetric"): PowerOfTwoSignedScale,
    ("power_of_two", "asymmetric"): PowerOfTwoMovedScale,
}
"""Of activations, by how scales are and what codes there are."""

WEIGHT_SCALES = {
    ("float", False): LearnedWeightScale,
    ("float", True): LearnedChannelScale,
    ("power_of_two", False): PowerOfTwoWeightScale,
    ("power_of_two", True): PowerOfTwoChannelScale,
}
"""Of weights, by how scales are and whether each output channel has one."""
