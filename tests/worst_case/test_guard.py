"""Guards change what is coded, and nothing else."""

import math

import pytest
import torch
from torch import nn

from lowland.errors import LowlandError
from lowland.quantization import Precision, quantize_dynamically
from lowland.quantization.dynamic.outliers import parted
from lowland.worst_case import PolicyProblem, PolicySubject
from lowland.worst_case.guard import Guard

INPUTS = torch.randn(40, 6, generator=torch.Generator().manual_seed(1))


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 3))


def subject(runtime):
    if runtime == "float":
        return PolicySubject(network(), INPUTS)
    precision = Precision(method="dynamic", weight_bits=8, activation_bits=8, runtime=runtime)
    return PolicySubject(quantize_dynamically(network(), precision), INPUTS)


@pytest.mark.parametrize("runtime", ["float", "torchao", "litert", "onnxruntime"])
@pytest.mark.parametrize("widths", [(8, 8), (2, 5)])
def test_a_guard_that_does_nothing_changes_no_bit(runtime, widths):
    plain = subject(runtime)
    idle = plain.guarded({layer: Guard() for layer in plain.layers})
    before, after = (PolicyProblem(each, INPUTS, None) for each in (plain, idle))
    assert torch.equal(before.outputs(widths), after.outputs(widths))
    assert torch.equal(before.reference, after.reference)


def test_clipping_is_that_of_the_inputs_of_the_layer_with_and_without_a_policy():
    plain = subject("litert")
    clipped = plain.guarded({"0": Guard(low=-0.5, high=0.7)})
    for widths in ((8, 8), (3, 8)):
        expected = PolicyProblem(plain, INPUTS.clamp(-0.5, 0.7), None).outputs(widths)
        assert torch.equal(PolicyProblem(clipped, INPUTS, None).outputs(widths), expected)
    assert clipped.points[1].guard is None and plain.points[0].guard is None  # a copy, and one layer


@pytest.mark.parametrize("runtime", ["float", "litert", "onnxruntime"])
def test_outliers_are_coded_apart_by_row_or_by_batch(runtime):
    guarded = subject(runtime).guarded({"0": Guard(outlier_share=0.2)})
    rest, outliers = parted(INPUTS, 0.2, row_dims=2 if runtime == "onnxruntime" else 1)
    point = guarded.points[0]
    if runtime == "float":
        expected = point.layer(point.rounding(rest, 3) + point.rounding(outliers, 8))
    else:
        expected = point.layer(rest, 3, outliers=outliers)
    with guarded.choosing(lambda layer, values: 3):
        assert torch.equal(point(INPUTS), expected)


def test_rows_may_have_widths_of_their_own_beside_outliers():
    guarded = subject("litert").guarded({"0": Guard(outlier_share=0.2), "2": Guard(outlier_share=0.1)})
    problem = PolicyProblem(guarded, INPUTS, None)
    widths = torch.tensor([2, 8])[torch.arange(40)[:, None].expand(-1, 2) % 2]
    rows = problem.outputs_by_row(widths)
    assert torch.equal(rows[0::2], problem.outputs((2, 2))[0::2])
    assert torch.equal(rows[1::2], problem.outputs((8, 8))[1::2])


def test_what_cannot_be_is_refused():
    with pytest.raises(LowlandError, match=r"guards name '7'; expected some of 0, 2"):
        subject("litert").guarded({"7": Guard()})
    with pytest.raises(LowlandError, match=r"range is 1\.0 to 2\.0; expected one that includes 0"):
        Guard(low=1.0, high=2.0)
    with pytest.raises(LowlandError, match=r"outlier share is 1\.0"):
        Guard(outlier_share=1.0)
    assert Guard().high == math.inf
