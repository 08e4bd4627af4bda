from __future__ import annotations

import torch
from torch import Tensor, nn

from lowland.quantization import Precision, build_quantized, calibrate, freeze
from tests.quantization.graph.test_trace import Net, draw


def crossed(net: nn.Module, inputs: Tensor) -> Tensor:
    values = net.a_out(net.a(inputs)) + net.add_in0(net.add_in(inputs).relu())
    return net.tanh_in(values).tanh() + values


def test_quantizers_have_names_that_no_layer_has() -> None:
    names = ("a", "a_out", "add_in", "add_in0", "tanh_in")
    network = Net(crossed, **{name: nn.Linear(4, 4) for name in names})
    inputs = draw(60, 4)
    precision = Precision(method="ptq", weight_bits=12, activation_bits=12)
    with torch.no_grad():
        quantized = calibrate(build_quantized(network, precision, input_bits=12), inputs)
        torch.testing.assert_close(quantized(inputs), network(inputs), rtol=0, atol=0.01)
        steps = list(freeze(quantized).steps)
    assert set(names) < set(steps) and {"a_out_", "add_in_0", "add_in_1", "tanh_in_"} < set(steps)
