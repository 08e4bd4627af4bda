"""Places counted among the rows, and rectifiers with trained slopes: what has an exact meaning is taken."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.quantization import Precision, build_quantized, calibrate, deployment_check, freeze
from lowland.quantization.graph.trace import traced
from tests.quantization.graph.test_trace import Net

INPUTS = torch.randn(60, 4, 5, generator=torch.Generator().manual_seed(0))


def net(forward: Callable[[nn.Module, Tensor], Tensor], **more: nn.Module) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Net(forward, a=nn.Linear(5, 6), b=nn.Linear(6, 3), **more).eval()


def by_product(n: nn.Module, x: Tensor) -> Tensor:
    b, t, d = x.shape
    return n.b(n.a(x.reshape(b * t, d)).relu()).reshape(b, t, 3)


def by_minus_one(n: nn.Module, x: Tensor) -> Tensor:
    return n.b(torch.tanh(n.a(x.view(-1, 5)))).view(-1, 4, 3).mean(1)


def with_norms(n: nn.Module, x: Tensor) -> Tensor:
    flat = n.norm(n.a(x.reshape(x.shape[0] * x.shape[1], -1)))
    return n.b(n.layer(flat) + 0.5 * flat).unflatten(0, (x.shape[0], x.shape[1])).flatten(1)


def twice(n: nn.Module, x: Tensor) -> Tensor:
    flat = x.flatten(0, 1)
    flat = functional.gelu(n.a(flat))
    rows = flat.shape[0] // 4
    return n.b(flat).reshape(rows, 4, -1).transpose(1, 2).flatten(1)


def step_by_step(n: nn.Module, x: Tensor) -> Tensor:
    flat = x.reshape(-1, 2, 2, 5).flatten(0, 1).flatten(0, 1)
    return (n.b(n.a(flat)) / flat.shape[1]).relu().reshape(x.shape[0], -1)


PLACES: dict[str, Callable[[], nn.Module]] = {
    "product": lambda: net(by_product),
    "minus one": lambda: net(by_minus_one),
    "norms": lambda: net(with_norms, norm=nn.BatchNorm1d(6), layer=nn.LayerNorm(6)),
    "flatten": lambda: net(twice),
    "flatten twice": lambda: net(step_by_step),
    "prelu": lambda: net(lambda n, x: n.b(n.slope(n.a(x[:, 0]))), slope=nn.PReLU()),
    "prelu by channels": lambda: net(lambda n, x: n.b(n.slope(n.a(x[:, 0]))), slope=nn.PReLU(6, init=-0.4)),
    "prelu of images": lambda: net(
        lambda n, x: n.slope(n.conv(x[:, None])).mean((2, 3)),
        conv=nn.Conv2d(1, 4, 3),
        slope=nn.PReLU(4, init=0.3),
    ),
    "prelu by function": lambda: net(
        lambda n, x: n.b(functional.prelu(n.a(x[:, 0]), n.slope.weight)), slope=nn.PReLU()
    ),
}


@pytest.mark.parametrize("name", PLACES)
def test_what_is_deployed_is_what_was_given(name: str) -> None:
    network = PLACES[name]()
    with torch.no_grad():
        expected = network(INPUTS)
        torch.testing.assert_close(traced(network, example=INPUTS)(INPUTS), expected)
        precision = Precision(method="ptq", weight_bits=8, activation_bits=8)
        model = calibrate(build_quantized(network, precision, input_bits=8, example=INPUTS), INPUTS)
        frozen = freeze(model)
        check = deployment_check(model, frozen, INPUTS)
        spread = float(expected.std())
        assert check.largest_difference <= 1e-5 * spread and check.integer_codes <= 1
        assert float((frozen(INPUTS) - expected).square().mean().sqrt()) < 0.05 * spread


def test_slopes_below_zero_are_trained_and_stored() -> None:
    network = PLACES["prelu by channels"]()
    precision = Precision(method="qat", weight_bits=8, activation_bits=8)
    model = calibrate(build_quantized(network, precision, input_bits=8, example=INPUTS), INPUTS)
    model(INPUTS).square().mean().backward()
    network(INPUTS).square().mean().backward()
    found, expected = model.stored["slope_slope.weight"].grad, network.slope.weight.grad
    assert found is not None and "slope_slope.weight" in freeze(model).codes
    torch.testing.assert_close(-found, expected, rtol=0.1, atol=0.01 * float(expected.abs().max()))


@pytest.mark.parametrize(
    "forward, message",
    [
        (lambda n, x: n.a(x.reshape(-1, 5)), "returns several places for each row; expected one row of outputs"),
        (
            lambda n, x: n.a(x.reshape(-1, 5)).softmax(0).reshape(-1, 4, 6),
            "softmax .* takes values whose rows count several places of a row; expected layers on the last dimension",
        ),
        (
            lambda n, x: (n.a(x.reshape(-1, 5)) + n.a(x[:, 0])).reshape(-1, 4, 6),
            "add .* takes values whose rows count several places",
        ),
        (
            lambda n, x: torch.cat([n.a(x.reshape(-1, 5)), n.a(2 * x.reshape(-1, 5))], 1).reshape(-1, 4, 12),
            "cat .* takes values whose rows count several places",
        ),
        (
            lambda n, x: n.a(x.reshape(-1, 5)).flatten(1).reshape(-1, 4, 6),
            "flattens places that are counted among the rows; expected reshape",
        ),
        (lambda n, x: n.a(x.reshape(-1, 10)), r"reshapes rows of shape \(4, 5\) to \(10,\); expected as many numbers"),
        (
            lambda n, x: n.a(x.reshape(-1, 5)).unflatten(0, (x.shape[0], 2)).flatten(1),
            r"unflattens dimension 0 to \(\d+, 2\); expected the rows and their places again",
        ),
    ],
)
def test_what_has_no_such_meaning_is_refused(forward: Callable[[nn.Module, Tensor], Tensor], message: str) -> None:
    with pytest.raises(LowlandError, match=message) as caught:
        traced(net(forward), example=INPUTS)
    assert "\n" not in str(caught.value)
