from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from lowland.coding.codes import code_range
from lowland.errors import LowlandError
from lowland.quantization import Precision, build_quantized, calibrate, deployment_check, freeze
from lowland.quantization.graph.weighted_step import Weighted
from tests.quantization.convolutions import CASES
from tests.quantization.networks import float_network, rows, twin

PRECISION = Precision(method="ptq", weight_bits=8, activation_bits=8)


@pytest.mark.parametrize("bits", range(2, 17))
@pytest.mark.parametrize("steps", [0, 10])
def test_the_frozen_network_replays_brevitas(bits: int, steps: int) -> None:
    quantized = twin(bits, steps=steps)
    inputs, _ = rows(1000, seed=4)
    check = deployment_check(quantized, freeze(quantized), inputs)
    assert check.largest_difference <= 1e-5
    assert check.decisions_changed == 0


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("bits", [2, 4, 8, 16])
def test_convolutions_replay_brevitas_too(case: str, bits: int) -> None:
    quantized = CASES[case].twin(bits, steps=2)
    check = deployment_check(quantized, freeze(quantized), CASES[case].rows(15 if case == "regression" else 60, seed=4))
    assert check.largest_difference <= 1e-5
    assert check.decisions_changed in (0, None)
    assert check.integer_codes <= 1
    if bits <= 8:  # floats hold the accumulators of such codes
        assert check.integer_share <= 1e-5
        assert check.integer_decisions in (0, None)


@pytest.mark.parametrize("case", CASES)
def test_no_accumulator_leaves_its_width_whatever_bits_flip(case: str) -> None:
    network = freeze(CASES[case].twin(4))
    extremes = {}
    for name, codes in network.codes.items():
        lowest, highest = code_range(network.bits[name], signed=True)
        draws = torch.randint(0, 2, codes.shape, generator=torch.Generator().manual_seed(len(name)))
        extremes[name] = torch.where(draws > 0, lowest, highest)
    flipped = network.with_codes(extremes)
    values = flipped.integer_values(100 * CASES[case].rows(5))
    for name, step in flipped.steps.items():
        if isinstance(step, Weighted):
            lowest, highest = code_range(step.accumulator_bits, signed=True)
            assert lowest <= int(values[name].min()) and int(values[name].max()) <= highest


def test_integers_too_wide_for_their_products_are_refused() -> None:
    layers = [nn.Conv2d(1, 1, 1), nn.ReLU(), *[nn.AvgPool2d(16, stride=1, padding=8)] * 3, nn.Conv2d(1, 1, 1)]
    precision = Precision(method="ptq", weight_bits=16, activation_bits=16)
    quantized = build_quantized(nn.Sequential(*layers, nn.ReLU(), nn.Conv2d(1, 1, 1)), precision, input_bits=8)
    calibrate(quantized, torch.randn(2, 1, 4, 4))
    with pytest.raises(LowlandError, match=r"integers of layer '5' need 57 bits; expected at most 45"):
        freeze(quantized)


def test_channels_with_scales_of_their_own_are_flattened_as_codes() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten(), nn.ReLU(), nn.Linear(8, 2))
    quantized = build_quantized(network, PRECISION.model_copy(update={"per_channel": True}), input_bits=8)
    inputs = torch.randn(50, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    frozen = freeze(calibrate(quantized, inputs))
    assert list(frozen.steps) == ["input", "0", "0_out", "1", "2", "3"] and frozen.scales["0.weight"].numel() == 2
    assert torch.equal(frozen(inputs), quantized(inputs))
    assert deployment_check(quantized, frozen, inputs).integer_samples == 0


@pytest.mark.parametrize("bits", range(2, 9))
def test_integers_agree_with_floats_but_for_rounding_ties(bits: int) -> None:
    quantized = twin(bits, steps=10)
    inputs, _ = rows(5000, seed=4)
    check = deployment_check(quantized, freeze(quantized), inputs)
    assert check.integer_samples <= 1e-3
    assert check.integer_codes <= 1
    assert check.integer_decisions <= 1e-3


def test_networks_without_biases_are_frozen_too() -> None:
    quantized = twin(4, bias=False, steps=5)
    network = freeze(quantized)
    assert list(network.codes) == ["0.weight", "2.weight", "4.weight"]
    inputs, _ = rows(100)
    assert deployment_check(quantized, network, inputs).largest_difference == 0
    assert network.from_spec(network.spec).load_state_dict(network.state_dict(), assign=True)


@pytest.mark.parametrize("training", [True, False])
def test_the_twin_is_left_as_it_came(training: bool) -> None:
    quantized = twin(4, steps=3).train(training)
    quantized.zero_grad()
    before = copy.deepcopy(quantized.state_dict())
    network = freeze(quantized)
    deployment_check(quantized, network, rows(20)[0])
    assert all(module.training == training for module in quantized.modules())
    assert all(parameter.grad is None for parameter in quantized.parameters())
    for name, tensor in quantized.state_dict().items():
        assert torch.equal(tensor, before[name])
    with torch.no_grad():  # nothing is shared: the frozen network stays when training goes on
        frozen = copy.deepcopy(network.state_dict())
        for parameter in quantized.parameters():
            parameter.mul_(2)
    assert all(torch.equal(tensor, frozen[name]) for name, tensor in network.state_dict().items())


def test_an_uncalibrated_twin_is_refused() -> None:
    with pytest.raises(LowlandError, match="no activation scales; expected calibrate"):
        freeze(build_quantized(float_network(), PRECISION, input_bits=8))
