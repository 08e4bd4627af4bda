"""A network is quantized as its forward computes, or refused: never as something else."""

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
    ("compute", "copies"),
    [
        (lambda layers, inputs: layers((inputs - 2) * 3), 1),
        (lambda layers, inputs: layers(inputs) + inputs[:, :4], 1),
        (lambda layers, inputs: layers(inputs).softmax(-1), 1),
        (lambda layers, inputs: 1.01 * layers(inputs), 1),
        (lambda layers, inputs: layers(inputs)[:, :2], 1),
        (lambda layers, inputs: layers(inputs[:, :6]), 2),
    ],
)
def test_a_forward_that_does_more_is_quantized_as_it_is(compute: Callable, copies: int) -> None:
    """Also where it leaves a part of its inputs out."""
    inputs = torch.cat([rows(400)[0]] * copies, dim=1)
    network = Net(compute)
    precision = Precision(method="ptq", weight_bits=12, activation_bits=12)
    quantized = build_quantized(network, precision, input_bits=12, example=inputs[:4])
    frozen = freeze(calibrate(quantized, inputs))
    expected = network(inputs).detach()
    quantized.requires_grad_(False)
    assert frozen(inputs).shape == expected.shape
    assert float((frozen(inputs) - expected).abs().max()) <= 0.01 * float(expected.max() - expected.min())
    assert torch.equal(frozen(inputs), quantized(inputs))


def doubled(layer: nn.Module) -> None:
    layer.register_forward_hook(lambda layer, inputs, outputs: 2 * outputs)


def rectified_twice(layer: nn.Module) -> None:
    layer.forward = lambda inputs: 2 * inputs.relu()


@pytest.mark.parametrize("change", [doubled, rectified_twice])
def test_hooks_and_forwards_of_single_layers_are_traced(change: Callable[[nn.Module], None]) -> None:
    network, inputs = float_network(), rows(100)[0]
    change(network[1])
    precision = Precision(method="ptq", weight_bits=12, activation_bits=12)
    quantized = calibrate(build_quantized(network, precision, input_bits=12), inputs)
    assert float((quantized(inputs) - network(inputs)).abs().max().detach()) < 0.01


class Counting(nn.Module):
    """Another function at every call."""

    def __init__(self, change: Callable[[Tensor, int], Tensor]) -> None:
        super().__init__()
        self.layers, self.calls, self.change = float_network(), 0, change

    def forward(self, inputs: Tensor) -> Tensor:
        self.calls += 1
        return self.change(self.layers(inputs), self.calls)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda outputs, calls: outputs * calls, "Counting gives other outputs when it is called again"),
        (lambda outputs, calls: outputs[:, :calls], "Counting gives other outputs when it is called again"),
        (
            lambda outputs, calls: outputs * (2 if isinstance(outputs, Tensor) else 1),
            r"from its graph alone by up to [\d.]+ on",
        ),
        (
            lambda outputs, calls: outputs[:, : 2 if isinstance(outputs, Tensor) else 1],
            r"\(100, 2\), its graph alone \(100, 1",
        ),
    ],
)
def test_a_forward_that_changes_from_call_to_call_is_refused(change: Callable, message: str) -> None:
    with pytest.raises(LowlandError, match=message) as caught:
        calibrated(Counting(change))
    assert "\n" not in str(caught.value) and "expected a forward that makes the same calls" in str(caught.value)


@pytest.mark.parametrize(
    ("compute", "message"),
    [
        (lambda net, inputs: net(inputs) + inputs[:, 0, :3], "cannot take some of the calibration inputs"),
        (lambda net, inputs: net(inputs) / inputs.shape[0], "other outputs when it is called with 2 of the inputs"),
    ],
)
def test_rows_that_depend_on_their_number_or_neighbours_are_refused(compute: Callable, message: str) -> None:
    network = Net(compute)
    network.layers = nn.Linear(6, 3)
    inputs = torch.randn(3, 3, 6, generator=torch.Generator().manual_seed(0))  # as many rows as places
    precision = Precision(method="ptq", weight_bits=8, activation_bits=8)
    with pytest.raises(LowlandError, match=message) as caught:
        calibrate(build_quantized(network, precision, input_bits=8, example=inputs), inputs)
    assert "\n" not in str(caught.value)


def test_several_outputs_are_refused() -> None:
    with pytest.raises(LowlandError, match="forward of the network returns a tuple; expected one tensor"):
        calibrated(Net(lambda layers, inputs: (layers(inputs), inputs)))


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
    quantized = CASES[case].untrained(PRECISION)
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
