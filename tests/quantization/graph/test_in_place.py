from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.quantization import Precision, build_quantized, calibrate
from lowland.quantization.graph.trace import traced
from tests.quantization.graph.test_trace import Net, draw


def twice_read(net: nn.Module, inputs: Tensor) -> Tensor:
    values = net.a(inputs)
    return net.b(net.act(values)) + values


def read_by_a_function(net: nn.Module, inputs: Tensor) -> Tensor:
    values = net.a(inputs)
    return net.b(functional.relu(values, inplace=True)) + values


def read_by_a_method(net: nn.Module, inputs: Tensor) -> Tensor:
    values = net.a(inputs)
    values.tanh_().mul_(2).sub_(1)
    return net.b(values)


def augmented(net: nn.Module, inputs: Tensor) -> Tensor:
    values = net.a(inputs)
    other = values
    values += inputs
    values -= 1
    values *= 2
    values /= 3
    return net.b(other)


def known_by_another_name(net: nn.Module, inputs: Tensor) -> Tensor:
    values = net.a(inputs)
    net.act(functional.dropout(net.same(values.contiguous()), 0.5, False))
    return net.b(values)


def kept_by_a_clone(net: nn.Module, inputs: Tensor) -> Tensor:
    values = net.a(inputs)
    return net.b(net.act(values.clone())) + values


def residual(net: nn.Module, inputs: Tensor) -> Tensor:
    before = net.a(inputs)
    values = net.b(net.act(before))
    values += before
    return net.act(values)


def flattened(net: nn.Module, inputs: Tensor) -> Tensor:
    return net.b(net.act(net.a(inputs).flatten(1)))


@pytest.mark.parametrize(
    "compute",
    [
        twice_read,
        read_by_a_function,
        read_by_a_method,
        augmented,
        known_by_another_name,
        kept_by_a_clone,
        residual,
        flattened,
    ],
)
def test_what_is_changed_in_place_is_changed_for_all_who_read_it_later(
    compute: Callable[[nn.Module, Tensor], Tensor],
) -> None:
    network = Net(compute, a=nn.Linear(5, 5), b=nn.Linear(5, 5), act=nn.ReLU(inplace=True), same=nn.Identity()).eval()
    inputs = draw(40, 5)
    precision = Precision(method="ptq", weight_bits=12, activation_bits=12)
    with torch.no_grad():
        expected = network(inputs)
        torch.testing.assert_close(traced(network)(inputs), expected)
        quantized = calibrate(build_quantized(network, precision, input_bits=12, example=inputs), inputs)
        torch.testing.assert_close(quantized(inputs), expected, rtol=0, atol=0.02)
    assert isinstance(network.act, nn.ReLU) and network.act.inplace  # left as it came


def test_another_view_of_what_is_changed_is_refused() -> None:
    def compute(net: nn.Module, inputs: Tensor) -> Tensor:
        values = net.a(inputs)
        return net.b(net.act(values.flatten(1))) + values.flatten(1)

    network = Net(compute, a=nn.Linear(5, 5), b=nn.Linear(5, 5), act=nn.ReLU(inplace=True))
    with pytest.raises(LowlandError, match="layer act of the network changes values in place of which a is another"):
        traced(network)


def test_inputs_that_a_network_changes_stay_as_they_are() -> None:
    network = Net(lambda n, x: n.a(x.clamp_(min=0)) + x, a=nn.Linear(5, 5))
    inputs = draw(40, 5)
    before = inputs.clone()
    quantized = build_quantized(network, Precision(method="ptq", weight_bits=8, activation_bits=8), input_bits=8)
    calibrate(quantized, inputs)
    assert torch.equal(inputs, before)
    assert bool((before < 0).any())
