"""What is trained is what is deployed."""

import copy

import pytest
import torch
from torch import nn

from lowland.architectures import MLP, LeNet5
from lowland.errors import LowlandError
from lowland.quantization import Precision, quantize_dynamically
from lowland.quantization.dynamic.twin import DynamicTwin

CASES = {
    "mlp": (lambda: MLP(inputs=6, outputs=3, hidden=(12, 8)), (6,)),
    "lenet5": (lambda: LeNet5(inputs=(1, 8, 8), outputs=4), (1, 8, 8)),
    "shared": (lambda: nn.Sequential(*[nn.Linear(5, 5)] * 2, nn.ReLU(), nn.Linear(5, 3)), (5,)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("runtime", ["torchao", "litert"])
@pytest.mark.parametrize("bits", [3, 8])
def test_it_puts_out_what_is_deployed(name: str, runtime: str, bits: int) -> None:
    build, shape = CASES[name]
    torch.manual_seed(0)
    network, inputs = build().eval(), torch.randn(50, *shape)
    precision = Precision.model_validate(
        {"method": "dynamic", "weight_bits": 8, "activation_bits": bits, "runtime": runtime}
    )
    twin = DynamicTwin(network, runtime=runtime)
    twin.set_bits(twin.layers, [bits] * len(twin.layers))
    expected = quantize_dynamically(network, precision)(inputs)
    # A sum of float32 in another order may move an activation across a rounding, by a step at most: few rows with
    # litert. Symmetric codes of torchao always have a tie, since the largest value lies half-way between two codes,
    # and which way it falls depends on the machine's order of sums: there it is a share of the rows.
    apart = (twin(inputs) - expected).abs().amax(1)
    assert (apart > 1e-4 * expected.std()).double().mean() < (0.1 if runtime == "litert" else 0.4)
    assert apart.max() < 2.0**-bits * 8 * expected.abs().max()


def test_its_parameters_are_those_of_the_network_and_derivatives_go_straight_through() -> None:
    network = MLP(inputs=6, outputs=3, hidden=(12,))
    before = copy.deepcopy(network)
    twin = DynamicTwin(network, runtime="litert")
    assert {id(each) for each in twin.parameters()} == {id(each) for each in network.parameters()}
    inputs = torch.randn(20, 6, generator=torch.Generator().manual_seed(1))
    twin(inputs).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in network.parameters())
    # The bias of the last layer has the derivative that it has without roundings.
    assert torch.allclose(network.layers[-1].bias.grad, torch.full((3,), 20.0))
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), before.parameters(), strict=True))
    assert [type(layer) for layer in network.layers] == [nn.Linear, nn.ReLU, nn.Linear]


def test_layers_behind_the_deployed_part_stay_float() -> None:
    network = MLP(inputs=6, outputs=3, hidden=(12, 8))
    assert DynamicTwin(network, runtime="litert", float_from="4").layers == ("layers.0", "layers.2")


@pytest.mark.parametrize(
    ("network", "runtime", "message"),
    [
        (nn.Sequential(nn.Linear(2, 2)), "onnxruntime", "whole batch"),
        (nn.Sequential(nn.ReLU()), "torchao", "no layer"),
    ],
)
def test_what_cannot_be_trained_so_is_refused(network: nn.Module, runtime: str, message: str) -> None:
    with pytest.raises(LowlandError, match=message):
        DynamicTwin(network, runtime=runtime)
