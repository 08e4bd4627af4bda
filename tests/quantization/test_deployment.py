from __future__ import annotations

import torch

from lowland.quantization import deployment_check, freeze
from tests.quantization.convolutions import CASES
from tests.quantization.networks import rows, twin


def test_ties_of_the_highest_outputs_are_counted_apart() -> None:
    quantized = twin(2)
    with torch.no_grad():
        quantized.layers.get_submodule("4").weight.zero_()
        quantized.layers.get_submodule("4").bias.zero_()
    check = deployment_check(quantized, freeze(quantized), rows(10)[0])
    assert check.tied == 1
    assert check.integer_decisions == 0


def test_a_difference_is_found_wherever_it_is() -> None:
    quantized = twin(4, steps=3)
    network = freeze(quantized)
    inputs, _ = rows(200)
    flipped = network.with_codes({"4.bias": network.codes["4.bias"].flip(0)})
    check = deployment_check(quantized, flipped, inputs)
    biases = network.codes["4.bias"] * network.scales["4.bias"]
    expected = float((biases - biases.flip(0)).abs().max())
    assert abs(check.largest_difference - expected) < 1e-5
    assert check.integer_difference < 1e-5  # floats and integers of the flipped network agree
    assert check.integer_samples == check.integer_share == 0
    other = freeze(quantized)
    other.steps["1"].multiplier.mul_(2)
    check = deployment_check(quantized, other, inputs)
    assert check.largest_difference == 0 and check.integer_codes > 1 and check.integer_difference > 0.01
    assert 0 < check.integer_share < check.integer_samples <= 1
    assert check.integer_decisions is not None and check.integer_decisions > 0


def test_regressions_decide_nothing_if_told_so() -> None:
    case = CASES["regression"]
    quantized = case.twin(4)
    check = deployment_check(quantized, freeze(quantized), case.rows(10), classifier=False)
    assert check.decisions_changed is check.integer_decisions is check.tied is None
    assert check.integer_difference < 1e-5
