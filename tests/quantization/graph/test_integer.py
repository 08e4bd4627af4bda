from __future__ import annotations

import json

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from lowland.coding.codes import code_range, smallest_dtype
from lowland.errors import LowlandError
from lowland.quantization import IntegerNetwork, freeze
from tests.quantization.convolutions import CASES
from tests.quantization.networks import CLASSES, integer_network, rows

WIDTHS = [2, 3, 4, 8, 12, 16]


@pytest.mark.parametrize("bits", WIDTHS)
def test_codes_are_stored_small_and_within_their_width(bits: int) -> None:
    network = integer_network(bits)
    codes, widths = network.codes, network.bits
    assert list(codes) == ["0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"]
    assert codes.keys() == widths.keys() == network.scales.keys()
    for name, tensor in codes.items():
        lowest, highest = code_range(widths[name], signed=True)
        assert tensor.dtype == smallest_dtype(widths[name])
        assert lowest <= int(tensor.min()) and int(tensor.max()) <= highest
        if name.endswith("weight"):
            assert widths[name] == bits and int(tensor.min()) > lowest  # narrow range in training
        else:  # no smaller width holds them
            smaller_lowest, smaller_highest = code_range(widths[name] - 1, signed=True)
            assert int(tensor.min()) < smaller_lowest or int(tensor.max()) > smaller_highest
    assert network.size == sum(tensor.numel() * widths[name] for name, tensor in codes.items())


def test_biases_live_at_the_scale_of_their_accumulator() -> None:
    network = integer_network(4)
    scales, inputs = network.scales, network.activation_scales
    for layer, before in (("0", "input"), ("2", "1"), ("4", "3")):
        assert scales[f"{layer}.bias"] == scales[f"{layer}.weight"] * inputs[before]


@pytest.mark.parametrize("bits", WIDTHS)
def test_a_network_survives_json_and_its_state(bits: int) -> None:
    network = integer_network(bits)
    again = IntegerNetwork.from_spec(json.loads(json.dumps(network.spec)))
    again.load_state_dict({name: tensor.clone() for name, tensor in network.state_dict().items()}, assign=True)
    inputs, _ = rows(200, seed=1)
    assert again.spec == network.spec
    assert again.state_dict().keys() == network.state_dict().keys()
    assert all(again.codes[name].dtype == codes.dtype for name, codes in network.codes.items())
    assert torch.equal(again(inputs), network(inputs))
    assert torch.equal(again.forward_integer(inputs), network.forward_integer(inputs))


@pytest.mark.parametrize("case", CASES)
def test_convolution_networks_survive_json_and_their_state(case: str) -> None:
    network = freeze(CASES[case].twin(4))
    again = IntegerNetwork.from_spec(json.loads(json.dumps(network.spec)))
    again.load_state_dict({name: tensor.clone() for name, tensor in network.state_dict().items()}, assign=True)
    inputs = CASES[case].rows(20, seed=1)
    assert again.spec == network.spec
    assert torch.equal(again(inputs), network(inputs))
    assert torch.equal(again.forward_integer(inputs), network.forward_integer(inputs))
    assert all(torch.equal(scale, network.scales[name]) for name, scale in again.scales.items())


@pytest.mark.parametrize("case", CASES)
def test_the_dequantized_twin_of_convolutions_is_made_of_plain_layers(case: str) -> None:
    network = freeze(CASES[case].twin(4))
    inputs = CASES[case].rows(20, seed=1)
    smooth = network.dequantized()
    assert torch.equal(smooth(inputs), network(inputs))
    parameters = dict(smooth.named_parameters())
    assert list(network.codes) == [name for name in parameters if name in network.codes]
    for name, codes in network.codes.items():
        assert torch.equal(parameters[name].detach(), codes * network.scales[name])
    owners = [module for module in smooth.modules() if any(True for _ in module.parameters(recurse=False))]
    assert {type(owner) for owner in owners} <= {nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d}


@pytest.mark.parametrize("case", CASES)
def test_integer_outputs_are_in_units_of_the_output_scale(case: str) -> None:
    network = freeze(CASES[case].twin(4))
    inputs = CASES[case].rows(20, seed=1)
    results = network.forward_integer(inputs) * network.output_scale
    torch.testing.assert_close(results, network(inputs), rtol=1e-5, atol=1e-5)


def test_an_unknown_kind_of_step_is_refused() -> None:
    with pytest.raises(LowlandError, match="step kind is 'magic'"):
        IntegerNetwork.from_spec({"kind": "integer", "steps": [{"kind": "magic", "name": "0", "inputs": ["inputs"]}]})


@pytest.mark.parametrize("bits", WIDTHS)
def test_with_codes_changes_only_what_it_is_given(bits: int) -> None:
    network = integer_network(bits)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    lowest = torch.full_like(network.codes["2.weight"], code_range(bits, signed=True)[0])  # outside the narrow range
    other = network.with_codes({"2.weight": lowest})
    assert torch.equal(other.codes["2.weight"], lowest)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])
        shared = other.state_dict()[name].data_ptr() == tensor.data_ptr()
        assert shared == (name != "steps.2.weight")
    inputs, _ = rows(50)
    expected = functional.linear(network.float_values(inputs)["1"], lowest * network.scales["2.weight"])
    bias = network.codes["2.bias"] * network.scales["2.bias"]
    torch.testing.assert_close(other.float_values(inputs)["2"], expected + bias)


def test_codes_that_do_not_fit_are_refused() -> None:
    network = integer_network(4)
    weight = network.codes["0.weight"]
    with pytest.raises(LowlandError, match=r"codes name '0\.bananas'; expected one of 0\.weight, 0\.bias"):
        network.with_codes({"0.bananas": weight})
    with pytest.raises(LowlandError, match=r"codes of 0\.weight .* expected integers of shape \(12, 6\)"):
        network.with_codes({"0.weight": weight.T})
    with pytest.raises(LowlandError, match="expected integers"):
        network.with_codes({"0.weight": weight.float()})
    with pytest.raises(LowlandError, match="4 bits of two's complement hold -8 to 7"):
        network.with_codes({"0.weight": torch.full_like(weight, 8)})


@pytest.mark.parametrize("bits", WIDTHS)
def test_integer_arithmetic_is_exact_on_its_own_terms(bits: int) -> None:
    """Layer by layer in Python integers."""
    network = integer_network(bits)
    inputs, _ = rows(5, seed=2)
    values = network.integer_values(inputs)
    codes = network.codes
    for layer, before in (("0", "input"), ("2", "1"), ("4", "3")):
        for row in range(len(inputs)):
            for unit in range(len(codes[f"{layer}.bias"])):
                products = zip(values[before][row].tolist(), codes[f"{layer}.weight"][unit].tolist(), strict=True)
                total = sum(value * weight for value, weight in products) + int(codes[f"{layer}.bias"][unit])
                assert int(values[layer][row, unit]) == total
    assert torch.equal(network.forward_integer(inputs), values["4"])
    assert all(value.dtype == torch.int64 for value in values.values())


@pytest.mark.parametrize("bits", WIDTHS)
def test_the_dequantized_twin_computes_the_same(bits: int) -> None:
    network = integer_network(bits)
    inputs, _ = rows(300, seed=3)
    smooth = network.dequantized()
    assert torch.equal(smooth(inputs), network(inputs))
    parameters = dict(smooth.named_parameters())
    assert parameters.keys() == network.codes.keys()
    for name, codes in network.codes.items():
        assert torch.equal(parameters[name].detach(), codes * network.scales[name])
    with torch.no_grad():
        for tensor in (*smooth.parameters(), *smooth.buffers()):
            tensor.zero_()
    assert not torch.equal(network(inputs), torch.zeros(len(inputs), CLASSES))  # it was a copy


def test_the_dequantized_twin_is_differentiable_in_double() -> None:
    network = integer_network(4)
    smooth = network.dequantized().double()
    inputs, targets = rows(64)

    def loss(parameters: dict[str, torch.Tensor]) -> torch.Tensor:
        return functional.cross_entropy(functional_call(smooth, parameters, (inputs.double(),)), targets)

    parameters = {name: parameter.detach() for name, parameter in smooth.named_parameters()}
    gradient = torch.func.grad(loss)(parameters)
    # The last layer sees no rounding behind it, so its gradient is that of the function itself.
    moved = {name: tensor.clone() for name, tensor in parameters.items()}
    slopes = []
    for step in (1e-6, -1e-6):
        moved["4.weight"][1, 2] = parameters["4.weight"][1, 2] + step
        slopes.append(loss(moved))
    torch.testing.assert_close((slopes[0] - slopes[1]) / 2e-6, gradient["4.weight"][1, 2], rtol=1e-6, atol=1e-9)
    assert all(bool(tensor.abs().sum() > 0) for tensor in gradient.values())
