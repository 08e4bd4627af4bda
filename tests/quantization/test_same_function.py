"""A network whose forward does more than its layers is refused, never quantized as something else."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from lowland.architectures.cnn import CNN
from lowland.architectures.mlp import MLP
from lowland.errors import LowlandError
from lowland.quantization import Precision, build_quantized, calibrate, freeze
from tests.quantization.convolutions import CASES
from tests.quantization.networks import FEATURES, float_network, rows, trained_float

PRECISION = Precision(method="ptq", weight_bits=8, activation_bits=8)


class Net(nn.Module):
    """Layers, and what a forward does with them."""

    def __init__(self, compute: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.layers = float_network()
        self.compute = compute

    def forward(self, inputs: Tensor) -> Tensor:
        return self.compute(self.layers, inputs)


def calibrated(network: nn.Module, inputs: Tensor | None = None):
    return calibrate(build_quantized(network, PRECISION, input_bits=8), rows(100)[0] if inputs is None else inputs)


@pytest.mark.parametrize(
    ("compute", "message"),
    [
        (lambda layers, inputs: layers((inputs - 2) * 3), r"Net differs from its layers alone by up to [\d.]+ on"),
        (lambda layers, inputs: layers(inputs) + inputs[:, :4], "Net differs from its layers alone by up to"),
        (lambda layers, inputs: layers(inputs).softmax(-1), "Net differs from its layers alone by up to"),
        (lambda layers, inputs: 1.01 * layers(inputs), "Net differs from its layers alone by up to"),
        (lambda layers, inputs: layers(inputs)[:, :2], r"gives outputs of shape \(100, 2\), its layers alone \(100, 4"),
        (lambda layers, inputs: (layers(inputs), inputs), "Net gives a tuple, its layers alone a tensor"),
        (lambda layers, inputs: layers(inputs[:, :6]), "Net computes what its layers alone cannot"),
    ],
)
def test_a_forward_that_does_more_is_refused(compute: Callable, message: str) -> None:
    inputs = rows(100)[0]
    if "cannot" in message:
        inputs = torch.cat([inputs, inputs], dim=1)
    with pytest.raises(LowlandError, match=message) as caught:
        calibrated(Net(compute), inputs)
    assert "\n" not in str(caught.value) and "do the rest to the inputs beforehand" in str(caught.value)


def doubled(layer: nn.Module) -> None:
    layer.register_forward_hook(lambda layer, inputs, outputs: 2 * outputs)


def rectified_twice(layer: nn.Module) -> None:
    layer.forward = lambda inputs: 2 * inputs.relu()


@pytest.mark.parametrize("change", [doubled, rectified_twice])
def test_hooks_and_forwards_of_single_layers_are_seen(change: Callable[[nn.Module], None]) -> None:
    network = float_network()
    change(network[1])
    with pytest.raises(LowlandError, match="Sequential differs from its layers alone"):
        calibrated(network)


def test_a_forward_that_calls_its_layers_is_quantized() -> None:
    inputs = rows(100)[0]
    direct = freeze(calibrated(float_network()))
    wrapped = freeze(calibrated(Net(lambda layers, inputs: layers(inputs))))
    assert torch.equal(wrapped(inputs), direct(inputs))
    calibrated(MLP(inputs=FEATURES, hidden=(5,), outputs=3).eval())
    images = torch.rand(20, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    calibrated(CNN(inputs=(1, 12, 12), channels=(3,), kernel=3, hidden=(6,), outputs=2).eval(), images)


@pytest.mark.parametrize("case", CASES)
def test_folding_and_float_parts_are_no_difference(case: str) -> None:
    quantized = build_quantized(CASES[case].network(), PRECISION, input_bits=8, **dict(CASES[case].options))
    assert calibrate(quantized, CASES[case].rows(12)).calibrated


def test_weights_that_change_later_are_the_models_own_business() -> None:
    """The network as it was when the model was built counts, and calibrating again after training is free."""
    network, inputs = trained_float(), rows(100)[0]
    quantized = build_quantized(network, PRECISION, input_bits=8)
    states = list(quantized.state_dict())
    with torch.no_grad():
        network[0].weight.zero_()
    twin = copy.deepcopy(quantized)
    calibrate(quantized, inputs)
    torch.testing.assert_close(quantized(inputs), calibrate(twin, inputs)(inputs))
    with torch.no_grad():
        quantized.layers.get_submodule("0").weight.mul_(2)
    assert list(calibrate(quantized, inputs).state_dict()) == states


def test_a_holder_of_layers_without_a_forward_has_nothing_to_compare() -> None:
    holder = nn.Module()
    holder.layers = float_network()
    assert calibrated(holder).calibrated
