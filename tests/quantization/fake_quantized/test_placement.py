from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.quantization import Precision, build_quantized, calibrate, deployment_check, freeze
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


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize(
    "behind",
    [
        lambda values: values.mean(1),
        lambda values: values.sum(1),
        lambda values: (0.25 * values).flatten(1)[:, :5],
        lambda values: functional.avg_pool1d(values, 2).flatten(1)[:, :5],
    ],
    ids=["mean", "sum", "factor", "pool"],
)
def test_integers_see_the_means_of_what_stays_float(behind: Callable[[Tensor], Tensor], *, per_channel: bool) -> None:
    """Steps that keep sums and move the step size have codes to work on, not floats."""
    network = Net(
        lambda n, x: n.head(behind(n.norm(n.a(x)))), a=nn.Linear(6, 5), norm=nn.LayerNorm(5), head=nn.Linear(5, 3)
    )
    inputs = draw(100, 4, 6)
    precision = Precision(method="ptq", weight_bits=8, activation_bits=8, per_channel=per_channel)
    quantized = calibrate(build_quantized(network, precision, input_bits=8, example=inputs), inputs)
    check = deployment_check(quantized, freeze(quantized), inputs)
    assert check.integer_samples <= 0.01 and check.integer_codes <= 1
