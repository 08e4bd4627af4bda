"""From the Brevitas twin to the integer network, and the check that nothing changed on the way."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from lowland.quantization.codes import code_range, signed_width, smallest_dtype
from lowland.quantization.integer import IntegerNetwork
from lowland.quantization.linear_step import Linear
from lowland.quantization.qat import BIAS_BITS, Grid, QuantizedNetwork, check_calibrated
from lowland.quantization.rounding_steps import Quantize, Requantize, fixed_point
from lowland.quantization.step import INPUTS, Step


def freeze(quantized: QuantizedNetwork) -> IntegerNetwork:
    """The integer network that a twin stands for; the twin is left as it came.

    Args:
        quantized: Calibrated, trained or not.

    Raises:
        LowlandError: Not calibrated.
    """
    check_calibrated(quantized)
    steps: list[Step] = []
    scale = torch.ones(())
    reach = 0  # the largest code that the step before can hand on
    with torch.no_grad():
        for name, layer in quantized.layers.named_children():
            own, bits = quantized.grid(name), quantized.bits[name]
            own = own._replace(scale=own.scale.clone())
            source = (steps[-1].name,) if steps else (INPUTS,)
            if isinstance(layer, nn.Linear):
                step = _linear(name, source, layer, own, bits, scale=scale, reach=reach)
                scale = step.output_scale
                steps.append(step)
                continue
            signed = own.lowest < 0
            if steps and isinstance(before := steps[-1], Linear):
                ratio = float(scale.double() / own.scale.double())
                multiplier, shift = fixed_point(ratio, accumulator_bits=before.accumulator_bits)
                steps.append(
                    Requantize(
                        name, source, bits=bits, signed=signed, scale=own.scale, multiplier=multiplier, shift=shift
                    )
                )
            else:
                steps.append(Quantize(name, source, bits=bits, signed=signed, scale=own.scale))
            scale, reach = own.scale, max(-own.lowest, own.highest)
    return IntegerNetwork(steps)


def _linear(
    name: str, source: tuple[str, ...], layer: nn.Linear, own: Grid, bits: int, *, scale: Tensor, reach: int
) -> Linear:
    """The step of a linear layer whose inputs have this scale and no larger codes than ``reach``."""
    accumulator = own.scale * scale
    largest = reach * 2 ** (bits - 1) * layer.in_features
    bias, bias_bits = None, 0
    if layer.bias is not None:
        codes = _codes(layer.bias, Grid(accumulator, *code_range(BIAS_BITS, signed=True)))
        bias_bits = signed_width(codes)
        bias = codes.to(smallest_dtype(bias_bits))
        largest += 2 ** (bias_bits - 1)
    return Linear(
        name,
        source,
        weight=_codes(layer.weight, own).to(smallest_dtype(bits)),
        weight_bits=bits,
        weight_scale=own.scale,
        bias=bias,
        bias_bits=bias_bits,
        output_scale=accumulator,
        accumulator_bits=1 + largest.bit_length(),
    )


def _codes(values: Tensor, own: Grid) -> Tensor:
    """The codes of a tensor on its grid, int64."""
    return (values.detach() / own.scale).round().clamp(own.lowest, own.highest).to(torch.int64)


class DeploymentCheck(NamedTuple):
    """How a frozen network differs from its twin and from its own integer arithmetic.

    Attributes:
        largest_difference: Largest |output of the twin - output of the frozen network|.
        decisions_changed: Rows with another arg-max although the twin's two highest outputs differ by more than
            ``largest_difference``.
        integer_rows: Share of rows where an activation code in integer arithmetic is not the one of the floats.
        integer_codes: Largest difference of such codes.
        integer_decisions: Share of rows that integer arithmetic decides differently, rows with equal highest integer
            outputs left out (there rounding noise of the floats decides).
        tied: Share of rows with equal highest integer outputs.
    """

    largest_difference: float
    decisions_changed: int
    integer_rows: float
    integer_codes: int
    integer_decisions: float
    tied: float


@torch.no_grad()
def deployment_check(quantized: QuantizedNetwork, integer: IntegerNetwork, inputs: Tensor) -> DeploymentCheck:
    """Compares twin (by Brevitas' own forward), frozen network and integer arithmetic row by row.

    Args:
        quantized: The twin; left as it came.
        integer: What ``freeze`` made of it.
        inputs: Rows [rows, features].
    """
    training = quantized.training
    quantized.eval()
    try:
        expected = quantized.reference(inputs)
    finally:
        quantized.train(training)
    floats = integer.float_values(inputs)
    integers = integer.integer_values(inputs)
    *_, outputs = floats.values()
    *_, accumulators = integers.values()

    difference = float((outputs - expected).abs().max())
    first, second = expected.topk(2, dim=-1).values.unbind(-1)
    clear = first - second > difference
    changed = (outputs.argmax(-1) != expected.argmax(-1)) & clear

    apart = torch.stack(
        [
            ((floats[name] / scale).round().to(torch.int64) - integers[name]).abs().amax(-1)
            for name, scale in integer.activation_scales.items()
        ]
    ).amax(0)
    highest, next_highest = accumulators.topk(2, dim=-1).values.unbind(-1)
    tied = highest == next_highest
    decided = (accumulators.argmax(-1) != outputs.argmax(-1)) & ~tied
    return DeploymentCheck(
        difference,
        int(changed.sum()),
        float((apart > 0).double().mean()),
        int(apart.max()),
        float(decided.double().mean()),
        float(tied.double().mean()),
    )
