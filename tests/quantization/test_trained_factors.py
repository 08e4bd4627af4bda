"""Parameters of a network's own that multiply or shift values: trained and deployed as words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.quantization import Precision, QuantizedNetwork, build_quantized, calibrate, deployment_check, freeze
from lowland.quantization.graph.trace import traced
from tests.quantization.graph.test_trace import Net

INPUTS = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))


def net(forward: Callable[[nn.Module, Tensor], Tensor], **own: Tensor) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Net(forward, a=nn.Linear(4, 5), head=nn.Linear(5, 3)).eval()
    for name, tensor in own.items():
        if isinstance(tensor, nn.Parameter):
            network.register_parameter(name, tensor)
        else:
            network.register_buffer(name, tensor)
    return network


def quantized(network: nn.Module, bits: int = 6) -> QuantizedNetwork:
    precision = Precision(method="qat", weight_bits=bits, activation_bits=bits)
    return calibrate(build_quantized(network, precision, input_bits=8, example=INPUTS), INPUTS)


def scalar(value: float, *, trained: bool = True) -> nn.Parameter:
    return nn.Parameter(torch.tensor(value), requires_grad=trained)


FORWARDS: dict[str, Callable[[], nn.Module]] = {
    "factor": lambda: net(lambda n, x: n.head((n.a(x) * n.g).relu()), g=scalar(-0.7)),
    "summand": lambda: net(lambda n, x: n.head((n.a(x) + n.g).relu()), g=scalar(0.0)),
    "subtracted": lambda: net(lambda n, x: n.head((n.a(x) - n.g).relu()), g=scalar(0.3)),
    "divisor": lambda: net(lambda n, x: n.head((n.a(x) / n.g).relu()), g=scalar(2.0)),
    "function of it": lambda: net(lambda n, x: n.head((n.a(x) * n.g.exp()).relu()), g=scalar(0.2)),
    "vector": lambda: net(lambda n, x: n.head((n.a(x) * n.g).relu()), g=nn.Parameter(torch.linspace(0.5, 2, 5))),
    "twice": lambda: net(lambda n, x: n.head((n.a(x) * n.g).relu() * n.g), g=scalar(0.7)),
    "computed weights": lambda: net(
        lambda n, x: n.head(functional.linear(x, 2 * n.g).relu()), g=nn.Parameter(torch.linspace(-1, 1, 20).view(5, 4))
    ),
}


@pytest.mark.parametrize("name", FORWARDS)
def test_they_train_and_what_is_frozen_is_what_was_trained(name: str) -> None:
    network = FORWARDS[name]()
    model = quantized(network)
    with torch.no_grad():
        expected = network(INPUTS)
        torch.testing.assert_close(traced(network, example=INPUTS)(INPUTS), expected)
        assert float((model(INPUTS) - expected).square().mean().sqrt()) < 0.15 * float(expected.std())
    own = [word for word in model.stored if word.partition(".")[0] not in ("a", "head")]
    trained = [word for word in own if model.stored[word].requires_grad]
    assert len(trained) == 1
    before = model.stored[trained[0]].detach().clone()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-2)
    targets = torch.arange(200) % 3
    for _ in range(10):
        optimizer.zero_grad()
        functional.cross_entropy(model(INPUTS), targets).backward()
        optimizer.step()
    assert not torch.equal(before, model.stored[trained[0]])
    frozen = freeze(model)
    assert set(own) <= set(frozen.codes)
    check = deployment_check(model, frozen, INPUTS)
    assert check.largest_difference <= 1e-4 and check.integer_codes <= 1


def test_the_gradient_is_that_of_the_float_network() -> None:
    """At 12 bits the slope in the factor is the float network's own."""
    network = FORWARDS["factor"]()
    model = quantized(network, 12)
    network(INPUTS).square().mean().backward()
    model(INPUTS).square().mean().backward()
    found = model.stored["mul.weight"].grad
    assert found is not None and network.g.grad is not None
    torch.testing.assert_close(found.reshape(()), network.g.grad, rtol=0.03, atol=1e-3)


def test_frozen_ones_and_constants_stay() -> None:
    """A scalar constant is a factor of the scale; a constant vector is stored and not trained."""
    frozen = quantized(net(lambda n, x: n.head((n.a(x) * n.g).relu()), g=scalar(0.5, trained=False)))
    assert "mul.weight" not in frozen.stored
    vector = quantized(net(lambda n, x: n.head((n.a(x) * n.g).relu()), g=torch.linspace(0.5, 2, 5)))
    assert not vector.stored["mul.weight"].requires_grad and not vector.threshold("mul").requires_grad
    shifted = quantized(net(lambda n, x: n.head((n.a(x) + n.g).relu()), g=nn.Parameter(torch.linspace(0.5, 2, 5))))
    assert shifted.stored["add.bias"].requires_grad and not shifted.stored["add.weight"].requires_grad


ONE = torch.linspace(0.5, 2, 5)

TWICE: dict[str, Callable[[nn.Module, Tensor], Tensor]] = {
    "factor": lambda n, x: n.head((n.a(x) * n.g).relu() * n.g),
    "summand": lambda n, x: n.head((n.a(x) + n.g).relu() + n.g),
    "subtracted": lambda n, x: n.head((n.a(x) - n.g).relu() - n.g),
    "divisor": lambda n, x: n.head((n.a(x) / n.g).relu() / n.g),
    "the same function": lambda n, x: n.head((n.a(x) * n.g.exp()).relu() * n.g.exp()),
}


@pytest.mark.parametrize("name", TWICE)
def test_what_multiplies_or_shifts_twice_is_stored_once(name: str) -> None:
    frozen = freeze(quantized(net(TWICE[name], g=nn.Parameter(ONE.clone()))))
    own = [word for word in frozen.codes if word.partition(".")[0] not in ("a", "head")]
    assert len({word.partition(".")[0] for word in own}) == 1


def test_equal_constants_of_other_tensors_stay_apart() -> None:
    """What is made of a list of tensors is told by the tensors, not by their values."""

    def forward(n: nn.Module, x: Tensor) -> Tensor:
        return n.head((n.a(x) * torch.cat([n.g, n.g])).relu() * torch.cat([n.h, n.h]))

    network = Net(forward, a=nn.Linear(4, 4), head=nn.Linear(4, 3)).eval()
    network.g, network.h = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    assert {"mul.weight", "mul_1.weight"} <= set(quantized(network).stored)


def test_one_tensor_in_two_roles_is_refused() -> None:
    network = net(lambda n, x: n.head((n.a(x) * n.g).relu() + n.g), g=nn.Parameter(ONE.clone()))
    with pytest.raises(LowlandError, match=r"add .* of the network has the weights of layer mul; expected layers with"):
        traced(network, example=INPUTS)


def test_equal_values_for_now_are_words_of_their_own_when_trained() -> None:
    """A factor a channel and a summand a place keep their shapes, whatever they begin with."""
    images = torch.randn(40, 1, 6, 8, generator=torch.Generator().manual_seed(0))
    network = Net(
        lambda n, x: n.head((n.a(x) * n.g + n.b).relu().mean((2, 3))), a=nn.Conv2d(1, 4, 3), head=nn.Linear(4, 3)
    ).eval()
    network.g, network.b = nn.Parameter(torch.ones(4, 1, 1)), nn.Parameter(torch.zeros(1, 4, 4, 6))
    precision = Precision(method="qat", weight_bits=6, activation_bits=6)
    model = calibrate(build_quantized(network, precision, input_bits=8, example=images), images)
    sizes = {word: parameter.numel() for word, parameter in model.stored.items()}
    assert sizes["mul.weight"] == 4 and sizes["add_1.bias"] == 4 * 4 * 6


def test_gradients_decide_what_is_trained() -> None:
    """Parts of a trained tensor are trained, and what the network itself cuts off from gradients is not."""

    def forward(n: nn.Module, x: Tensor) -> Tensor:
        first, second = n.w.chunk(2)
        return n.head((functional.linear(x, first) * n.g.detach()).relu() - functional.linear(x, second))

    stored = quantized(net(forward, w=nn.Parameter(torch.randn(10, 4)), g=nn.Parameter(ONE.clone()))).stored
    trained = {name: parameter.requires_grad for name, parameter in stored.items()}
    assert trained["linear.weight"] and trained["linear_1.weight"] and not trained["mul.weight"]
