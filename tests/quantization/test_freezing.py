from __future__ import annotations

import copy

import pytest
import torch

from lowland.errors import LowlandError
from lowland.quantization import Precision, build_quantized, deployment_check, freeze
from tests.quantization.networks import float_network, rows, twin


@pytest.mark.parametrize("bits", range(2, 17))
@pytest.mark.parametrize("steps", [0, 10])
def test_the_frozen_network_replays_brevitas(bits: int, steps: int) -> None:
    quantized = twin(bits, steps=steps)
    inputs, _ = rows(1000, seed=4)
    check = deployment_check(quantized, freeze(quantized), inputs)
    assert check.largest_difference <= 1e-5
    assert check.decisions_changed == 0


@pytest.mark.parametrize("bits", range(2, 9))
def test_integers_agree_with_floats_but_for_rounding_ties(bits: int) -> None:
    quantized = twin(bits, steps=10)
    inputs, _ = rows(5000, seed=4)
    check = deployment_check(quantized, freeze(quantized), inputs)
    assert check.integer_rows <= 1e-3
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


def test_ties_of_the_highest_outputs_are_counted_apart() -> None:
    quantized = twin(2)
    with torch.no_grad():
        quantized.layers.get_submodule("4").weight.zero_()
        quantized.layers.get_submodule("4").bias.zero_()
    check = deployment_check(quantized, freeze(quantized), rows(10)[0])
    assert check.tied == 1
    assert check.integer_decisions == 0


def test_an_uncalibrated_twin_is_refused() -> None:
    precision = Precision(method="ptq", weight_bits=8, activation_bits=8)
    with pytest.raises(LowlandError, match="no activation scales; expected calibrate"):
        freeze(build_quantized(float_network(), precision, input_bits=8))
