"""A bias that is huge beside its weights has a code, or is refused by name."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.quantization import Precision, QuantizedNetwork, build_quantized, calibrate, deployment_check, freeze
from tests.quantization.networks import float_network, rows


def tiny_weights(size: float, layer: str) -> nn.Sequential:
    """Of one layer beside biases of 1; what follows is as it was."""
    network = float_network()
    with torch.no_grad():
        network.get_submodule(layer).weight.mul_(size)
        network.get_submodule(layer).bias.copy_(torch.linspace(0.5, 1, len(network.get_submodule(layer).bias)))
    return network


def twin(network: nn.Module, bits: int, inputs: Tensor, **options: bool) -> QuantizedNetwork:
    precision = Precision(method="ptq", weight_bits=bits, activation_bits=bits, **options)
    return calibrate(build_quantized(network, precision, input_bits=bits), inputs)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("layer", ["2", "4"])
@pytest.mark.parametrize("size", [1e-5, 1e-8, 1e-30, 0.0])
@pytest.mark.parametrize("bits", [8, 16])
def test_large_biases_are_deployed(bits: int, size: float, layer: str, per_channel: bool) -> None:
    network, inputs = tiny_weights(size, layer), rows(200)[0]
    quantized = twin(network, bits, inputs, per_channel=per_channel)
    deployed, expected = freeze(quantized), network(inputs).detach()
    largest = float(expected.abs().max())
    for outputs in (deployed(inputs), deployed.deployed_outputs(inputs)):
        assert float((outputs - expected).abs().max()) < (0.02 if bits == 8 else 1e-4) * largest
    check = deployment_check(quantized, deployed, inputs)
    assert check.largest_difference < 1e-5 * largest
    assert check.integer_codes <= 1


def test_weights_keep_their_scale_where_there_is_room() -> None:
    inputs = rows(200)[0]
    with_bias, without = (twin(float_network(bias=bias), 16, inputs) for bias in (True, False))
    assert with_bias.threshold("0") == without.threshold("0")  # the first layers have the same inputs
    assert freeze(with_bias).bits["0.bias"] < 40


def test_a_bias_that_training_moved_is_refused_with_advice_that_works() -> None:
    inputs = rows(200)[0]
    quantized = twin(float_network(), 16, inputs)
    with torch.no_grad():
        quantized.layers.get_submodule("4").bias.fill_(1e7)
    with pytest.raises(LowlandError, match=r"^4\.bias has codes up to .*call calibrate\(quantized, inputs\) again"):
        freeze(quantized)
    deployed = freeze(calibrate(quantized, inputs))
    torch.testing.assert_close(deployed(inputs), torch.full((200, 4), 1e7), rtol=1e-6, atol=0)
