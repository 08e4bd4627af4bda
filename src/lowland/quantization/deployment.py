"""The check that nothing changed on the way from the Brevitas twin to the integer network."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lowland.quantization.integer import IntegerNetwork
from lowland.quantization.qat import QuantizedNetwork


class DeploymentCheck(NamedTuple):
    """How a frozen network differs from its twin and from its own integer arithmetic.

    Attributes:
        largest_difference: Largest |output of the twin - output of the frozen network|.
        decisions_changed: Rows with another arg-max although the twin's two highest outputs differ by more than
            ``largest_difference``; ``None`` for networks that decide nothing.
        integer_rows: Share of rows where an activation code in integer arithmetic is not the one of the floats.
        integer_codes: Largest difference of such codes.
        integer_share: Share of the activation codes that differ.
        integer_decisions: Share of rows that integer arithmetic decides differently, rows with equal highest integer
            outputs left out (there rounding noise of the floats decides); ``None`` likewise.
        tied: Share of rows with equal highest integer outputs; ``None`` likewise.
        integer_difference: Largest |output of the frozen network - integer output * its step size|.
    """

    largest_difference: float
    decisions_changed: int | None
    integer_rows: float
    integer_codes: int
    integer_share: float
    integer_decisions: float | None
    tied: float | None
    integer_difference: float


@torch.no_grad()
def deployment_check(
    quantized: QuantizedNetwork, integer: IntegerNetwork, inputs: Tensor, *, classifier: bool | None = None
) -> DeploymentCheck:
    """Compares twin (by Brevitas' own forward), frozen network and integer arithmetic row by row.

    Args:
        quantized: The twin; left as it came.
        integer: What ``freeze`` made of it.
        inputs: Rows [rows, ...].
        classifier: Whether the highest output is a decision; by default of networks with outputs [rows, 2 or more].
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
    results = accumulators.double() * integer.output_scale.double()

    difference = float((outputs - expected).abs().max())
    apart = torch.cat(  # of each row's activation codes
        [
            ((floats[name] / scale).round().to(torch.int64) - integers[name]).abs().flatten(1)
            for name, scale in integer.activation_scales.items()
        ],
        dim=1,
    )
    changed = decided = tied = None
    if classifier if classifier is not None else outputs.ndim == 2 and outputs.shape[1] > 1:
        first, second = expected.topk(2, dim=-1).values.unbind(-1)
        clear = first - second > difference
        changed = int(((outputs.argmax(-1) != expected.argmax(-1)) & clear).sum())
        highest, next_highest = results.topk(2, dim=-1).values.unbind(-1)
        equal = highest == next_highest
        decided = float(((results.argmax(-1) != outputs.argmax(-1)) & ~equal).double().mean())
        tied = float(equal.double().mean())
    return DeploymentCheck(
        difference,
        changed,
        float((apart > 0).any(1).double().mean()),
        int(apart.max()),
        float((apart > 0).double().mean()),
        decided,
        tied,
        float((outputs - results).abs().max()),
    )
