"""The check that nothing changed on the way from the fake-quantized model to the integer network."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from lowland.quantization.fake_quantized.network import QuantizedNetwork
from lowland.quantization.graph.dequantized import DequantizedNetwork
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.graph.scan_step import Scan
from lowland.quantization.graph.step import INPUTS, Step
from lowland.quantization.graph.weighted_step import Weighted

_ROWS = 256  # at a time: all values between layers are held, of frames some hundred thousand a sample


class DeploymentCheck(NamedTuple):
    """How a frozen network differs from its fake-quantized model and from its own integer arithmetic.

    Floats are float32 except where codes are compared: sums of float32 err by as much as one in some thousand steps of
    a 12-bit code, which is no fault of the integers. There the frozen network is replayed in float64.

    Attributes:
        largest_difference: Largest |output of the fake-quantized model - output of the frozen network|.
        decisions_changed: Samples with another arg-max although the two highest outputs of the fake-quantized model
            differ by more than ``largest_difference``; ``None`` for networks that decide nothing.
        integer_samples: Share of samples where an activation code in integer arithmetic is not the one of float64.
        integer_codes: Largest difference of such codes.
        integer_share: Share of the activation codes that differ.
        single_share: Share of the activation codes that differ from those of float32.
        integer_decisions: Share of samples that integer arithmetic decides differently from float32, samples with equal
            highest integer outputs left out (there rounding noise of the floats decides); ``None`` likewise.
        tied: Share of samples with equal highest integer outputs; ``None`` likewise.
        integer_difference: Largest |output of the frozen network - integer output * its step size|.
    """

    largest_difference: float
    decisions_changed: int | None
    integer_samples: float
    integer_codes: int
    integer_share: float
    single_share: float
    integer_decisions: float | None
    tied: float | None
    integer_difference: float


@torch.no_grad()
def deployment_check(
    quantized: QuantizedNetwork | DequantizedNetwork,
    integer: IntegerNetwork,
    inputs: Tensor,
    *,
    classifier: bool | None = None,
) -> DeploymentCheck:
    """Compare fake-quantized model (by Brevitas' own forward), frozen network and integer arithmetic sample by sample.

    Args:
        quantized: The fake-quantized model, or of a network from outside its dequantized copy; left as it came.
        integer: What ``freeze`` made of it, or the network itself.
        inputs: Samples [samples, ...].
        classifier: Whether the highest output is a decision; by default of networks with outputs [samples, 2 or more].
    """
    training = quantized.training
    reference = quantized.reference if isinstance(quantized, QuantizedNetwork) else quantized
    quantized.eval()
    double = _in_double(integer)
    parts: list[tuple[Tensor, Tensor, Tensor, Tensor, Tensor]] = []
    try:
        for samples in inputs.split(_ROWS):
            floats, integers = integer.float_values(samples), integer.integer_values(samples)
            exact = double.float_values(_as_converted(samples, integers, double))
            *_, outputs = floats.values()
            *_, accumulators = integers.values()
            results = accumulators.double() * integer.output_scale.double()
            apart = _apart(double, exact, integers)
            parts.append((reference(samples), outputs, results, apart, _apart(integer, floats, integers)))
    finally:
        quantized.train(training)
    expected, outputs, results, apart, single = (torch.cat(tensors) for tensors in zip(*parts, strict=True))

    difference = float((outputs - expected).abs().max())
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
        float((apart[:, 0] > 0).double().mean()),
        int(apart[:, 1].max()),
        float(apart[:, 0].sum() / apart[:, 2].sum()),
        float(single[:, 0].sum() / single[:, 2].sum()),
        decided,
        tied,
        float((outputs - results).abs().max()),
    )


def _in_double(integer: IntegerNetwork) -> IntegerNetwork:
    """A copy that computes in float64, products of scales included."""
    double = copy.deepcopy(integer).double()
    steps: Iterable[Step] = double.steps.values()  # type: ignore[assignment]  # ModuleDict forgets what it holds
    _scale_accumulators(steps, {INPUTS: torch.ones((), dtype=torch.float64)})
    return double


def _scale_accumulators(steps: Iterable[Step], scales: dict[str, Tensor]) -> None:
    """Products of scales in the steps of a network, or of a body, in the type of the scales; in place.

    Args:
        steps: In order of computation.
        scales: Of what they take from elsewhere, by name; those of their results are added.
    """
    for step in steps:
        before = [scales[source] for source in step.inputs]
        if isinstance(step, Weighted):
            shape = step.output_scale.shape
            given = before[0].reshape(shape) if before[0].ndim else before[0]  # an affine step takes one a channel
            step.output_scale = step.weight_scale.flatten().reshape(shape) * given
        elif isinstance(step, Scan):
            _scale_accumulators(step.steps.values(), step.scales_before(before[0]))
        scales[step.name] = step.result_scale(*before)


def _as_converted(samples: Tensor, integers: dict[str, Tensor], double: IntegerNetwork) -> Tensor:
    """The inputs' codes times their step in float64: converting inputs is float32's own business."""
    name, codes = next(iter(integers.items()))
    return codes * double.activation_scales[name] if name in double.activation_scales else samples.double()


def _apart(network: IntegerNetwork, floats: dict[str, Tensor], integers: dict[str, Tensor]) -> Tensor:
    """Number of activation codes of each sample that differ, how far, and number of all of them [samples, 3]."""
    distances = [
        ((floats[name] / scale).round().to(torch.int64) - integers[name]).abs().flatten(1)
        for name, scale in network.activation_scales.items()
    ]
    apart = torch.cat(distances, dim=1)
    return torch.stack(((apart > 0).sum(1), apart.amax(1), torch.full_like(apart[:, 0], apart.shape[1])), dim=1)
