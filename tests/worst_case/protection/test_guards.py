"""Clipped ranges and outliers: percentiles against sorted lists, costs counted by hand."""

import math

import pytest
import torch
from torch import nn

from lowland.errors import LowlandError
from lowland.quantization import Precision, quantize_dynamically
from lowland.worst_case import PolicySubject
from lowland.worst_case.policies import static_chooser
from lowland.worst_case.protection import clipping_guards, outlier_bits, outlier_guards
from tests.worst_case.protection.cases import INPUTS, judged, network


def test_ranges_end_at_percentiles_of_all_numbers_that_a_layer_reads():
    subject = judged(16, 8).subject
    guards = clipping_guards(subject, INPUTS, 97.0)
    ordered = sorted(INPUTS.flatten().tolist())
    outside = math.floor(len(ordered) * 0.03)
    assert (guards["0"].low, guards["0"].high) == (ordered[outside], ordered[-1 - outside])
    assert guards["2"].low == 0 < guards["2"].high  # behind a ReLU
    share = (guards["0"].high < INPUTS).float().mean()
    assert 0.02 < share <= 0.03


def test_at_100_per_cent_nothing_is_clipped_on_any_row():
    subject = judged(16, 8).subject
    clipped = subject.guarded(clipping_guards(subject, INPUTS[:3], 100))
    for widths in ((8, 8, 8), (2, 3, 4)):
        far, choose = 50 * INPUTS, static_chooser(widths)
        assert torch.equal(clipped(far, choose), subject(far, choose))


@pytest.mark.parametrize("percentile", [50, 100.1, -1, math.nan])
def test_other_percentiles_are_refused(percentile):
    with pytest.raises(LowlandError, match="expected a number above 50 and at most 100"):
        clipping_guards(judged(4).subject, INPUTS, percentile)
    with pytest.raises(LowlandError, match="no rows"):
        clipping_guards(judged(4).subject, INPUTS[:0], 99)


def test_a_layer_that_is_called_twice_has_one_range():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 6)

        def forward(self, values):
            return self.layer(10 * self.layer(values))

    subject = PolicySubject(Twice(), INPUTS)
    read = torch.cat([INPUTS, 10 * subject.points[0].layer(INPUTS)]).flatten().sort().values
    guard = clipping_guards(subject, INPUTS, 99)["layer"]
    outside = math.floor(len(read) * 0.01)
    assert (guard.low, guard.high) == (float(read[outside]), float(read[-1 - outside]))


def test_outliers_cost_their_codes_and_their_places():
    subject = judged(16, 8).subject  # 6 + 16 + 8 elements a row
    assert outlier_guards(subject, 0.1)["2"].outlier_share == 0.1
    expected = (1 * (8 + 3) + 2 * (8 + 4) + 1 * (8 + 3)) / 30
    assert outlier_bits(subject, INPUTS, 0.1) == pytest.approx(expected)
    assert outlier_bits(subject, INPUTS, 0.0) == 0
    precision = Precision(method="dynamic", weight_bits=8, activation_bits=8, runtime="onnxruntime")
    by_batch = PolicySubject(quantize_dynamically(network(16, 8), precision), INPUTS)
    sizes = [240 * 6, 240 * 16, 240 * 8]
    bits = sum(math.ceil(0.1 * size) * (8 + math.ceil(math.log2(size))) for size in sizes)
    assert outlier_bits(by_batch, INPUTS, 0.1) == pytest.approx(bits / sum(sizes))
