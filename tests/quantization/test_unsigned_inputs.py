from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.quantization import IntegerNetwork, Precision, build_quantized, calibrate, deployment_check, freeze
from lowland.quantization.graph.rounding_steps import Quantize
from tests.quantization.convolutions import CASES
from tests.quantization.networks import float_network

PRECISION = Precision(method="qat", weight_bits=8, activation_bits=8)


def charges(count: int, *, seed: int = 0) -> Tensor:
    draws = torch.Generator().manual_seed(seed)
    shape = (count, *CASES["autoencoder"].shape)
    return 2 * torch.rand(shape, generator=draws) * (torch.rand(shape, generator=draws) < 0.4)


@pytest.mark.parametrize("bits", [2, 4, 8, 12])
def test_no_bit_is_spent_on_a_sign(bits: int) -> None:
    """The step is half as wide, and all codes are used."""
    network, inputs = CASES["autoencoder"].network(), charges(64)
    steps = []
    for signed in (True, False):
        precision = PRECISION.model_copy(update={"calibration": "max"})
        quantized = build_quantized(network, precision, input_bits=bits, input_signed=signed, float_from="decoder")
        integer = freeze(calibrate(quantized, inputs))
        codes = integer.integer_values(inputs)["input"]
        steps.append(float(integer.activation_scales["input"]))
        assert int(codes.min()) == 0
        if not signed:
            assert int(codes.max()) == 2**bits - 1
    assert steps[1] == pytest.approx(steps[0] * 2 ** (bits - 1) / (2**bits - 1), rel=1e-5)


@pytest.mark.parametrize("bits", [3, 8])
def test_they_replay_brevitas_and_survive_their_spec(bits: int) -> None:
    network, inputs = CASES["autoencoder"].network(), charges(64)
    precision = Precision(method="ptq", weight_bits=bits, activation_bits=bits)
    quantized = build_quantized(network, precision, input_bits=bits, input_signed=False, float_from="decoder")
    integer = freeze(calibrate(quantized, inputs))
    fresh = charges(300, seed=1) - 0.1  # what lies below zero becomes zero
    check = deployment_check(quantized, integer, fresh)
    assert check.largest_difference <= 1e-5 and check.integer_samples <= 1e-3
    again = IntegerNetwork.from_spec(integer.spec)
    again.load_state_dict(integer.state_dict(), assign=True)
    assert torch.equal(again(fresh), integer(fresh))
    torch.testing.assert_close(integer.dequantized()(fresh).detach(), integer(fresh), rtol=0, atol=1e-5)


def test_derivatives_are_those_of_brevitas_and_dark_inputs_have_one() -> None:
    """A rectifier would have none at zero, and the network would look blind where the float one is not."""
    case = CASES["autoencoder"]
    quantized = build_quantized(case.network(), PRECISION, input_bits=8, input_signed=False, float_from="decoder")
    calibrate(quantized, charges(64))
    slopes = []
    for function in (quantized, quantized.reference, freeze(quantized).dequantized()):
        inputs = charges(8).requires_grad_()
        (slope,) = torch.autograd.grad(function(inputs).square().sum(), inputs)
        slopes.append(slope)
    dark = charges(8) == 0
    assert bool((slopes[0][dark] != 0).any())
    torch.testing.assert_close(slopes[0], slopes[1], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(slopes[0], slopes[2], rtol=1e-3, atol=1e-5)


def test_a_sensor_that_goes_below_zero_has_no_slope_there() -> None:
    step = Quantize("input", ("inputs",), bits=3, signed=False, scale=torch.tensor(0.5))
    values = torch.tensor([-9.0, -0.3, -0.2, 0.0, 0.3, 3.7, 9.0], requires_grad=True)
    (slope,) = torch.autograd.grad(step.dequantized()(values).sum(), values)
    assert slope.tolist() == [0, 0, 1, 1, 1, 1, 0]


def test_a_twin_with_unsigned_inputs_survives_its_state() -> None:
    case = CASES["autoencoder"]
    built = [
        build_quantized(case.network(), PRECISION, input_bits=8, input_signed=False, float_from="decoder")
        for _ in range(2)
    ]
    calibrate(built[0], charges(32))
    built[1].load_state_dict(built[0].state_dict())
    assert torch.equal(built[1](charges(5)), built[0](charges(5)))
    assert torch.equal(copy.deepcopy(built[0])(charges(5)), built[0](charges(5)))


def test_negative_rows_are_refused() -> None:
    network: nn.Module = float_network()
    quantized = build_quantized(network, PRECISION, input_bits=8, input_signed=False)
    with pytest.raises(LowlandError, match=r"calibration inputs go down to -0\.5; expected none below 0"):
        calibrate(quantized, torch.full((3, 6), -0.5))
