from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.quantization.graph.trace import traced
from tests.quantization.convolutions import CASES


class Net(nn.Module):
    """Parts, and a forward that is given."""

    def __init__(self, compute: Callable[[nn.Module, Tensor], Tensor], **parts: nn.Module | Tensor) -> None:
        super().__init__()
        self.compute = compute
        for name, part in parts.items():
            if isinstance(part, Tensor):
                self.register_buffer(name, part)
            else:
                self.add_module(name, part)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.compute(self, inputs)


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def test_nested_layers_get_flat_names() -> None:
    found = traced(nn.Sequential(OrderedDict(encoder=CASES["autoencoder"].network().encoder[:4])))
    assert list(found.nodes) == [f"encoder_{index}" for index in range(4)] and found.island is None


def test_what_stays_float_is_cut_off() -> None:
    network = CASES["autoencoder"].network()
    found = traced(network, float_from="decoder")
    assert list(found.nodes) == [f"encoder_{index}" for index in range(5)]
    assert found.island is not None
    name, island = found.island
    assert name == "decoder"
    assert [repr(layer) for layer in island] == [repr(layer) for layer in network.decoder]
    found = traced(network, float_from="decoder.5")
    assert len(found.nodes) == 10 and found.island is not None
    name, island = found.island
    assert name == "decoder_5" and list(dict(island.named_children())) == ["decoder_5", "decoder_6"]
    inputs = CASES["autoencoder"].rows(3)
    assert torch.equal(found(inputs), network(inputs))


def test_batch_norm_is_folded_and_what_does_nothing_left_out() -> None:
    network = nn.Sequential(nn.Identity(), nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2)).eval()
    assert list(traced(network).nodes) == ["1", "3", "4"]


def test_one_object_may_stand_in_several_places_unless_it_has_weights() -> None:
    relu, linear = nn.ReLU(), nn.Linear(2, 2)
    network = nn.Sequential(nn.Linear(2, 2), relu, nn.Linear(2, 2), relu, linear)
    assert list(traced(network).nodes) == ["0", "1", "2", "3", "4"]
    called_twice = Net(lambda net, x: net.act(net.b(net.act(net.a(x)))), a=nn.Linear(2, 2), b=nn.Linear(2, 2), act=relu)
    assert list(traced(called_twice).nodes) == ["a", "act", "b", "act_1"]


def test_names_that_modules_cannot_have_are_changed() -> None:
    network = Net(
        lambda net, x: net.values(net.keys(x)) + net.input(x), values=nn.Linear(2, 2), keys=nn.Linear(2, 2),
        input=nn.Linear(2, 2),
    )  # fmt: skip
    assert list(traced(network).nodes) == ["keys_", "values_", "input_1", "add"]
    network = nn.Sequential(OrderedDict([("a", nn.Sequential(nn.Linear(2, 2))), ("a_0", nn.ReLU())]))
    assert list(traced(network).nodes) == ["a_0", "a_0_1"]


FORWARDS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "skip": (lambda: Net(lambda n, x: functional.relu(n.a(x) + x), a=nn.Linear(5, 5)), (5,)),
    "in place": (lambda: Net(lambda n, x: n.a(x).relu_().add_(1), a=nn.Linear(5, 5)), (5,)),
    "dense": (lambda: Net(lambda n, x: n.b(torch.cat([x, n.a(x)], 1)), a=nn.Linear(5, 3), b=nn.Linear(8, 2)), (5,)),
    "constants": (
        lambda: Net(
            lambda n, x: 2 - n.a((x - n.mean) / n.std) * n.k,
            a=nn.Linear(5, 4),
            mean=draw(5),
            std=draw(5).abs() + 1,
            k=torch.tensor(3.0),
        ),
        (5,),
    ),
    "an offset for each place": (lambda: Net(lambda n, x: n.a(x) + n.p, a=nn.Linear(5, 4), p=draw(3, 4)), (3, 5)),
    "one for each channel": (
        lambda: Net(lambda n, x: n.a(x * n.p) - n.p, a=nn.Conv2d(3, 3, 1), p=draw(3, 1, 1)),
        (3, 4, 4),
    ),
    "shapes": (
        lambda: Net(
            lambda n, x: n.a(x.view(x.size(0), -1, 2).transpose(1, 2).reshape(x.shape[0], 6)), a=nn.Linear(6, 2)
        ),
        (6,),
    ),
    "unpacked": (lambda: Net(unpacked, a=nn.Conv2d(2, 3, 2), b=nn.Linear(27, 4)), (2, 4, 4)),
    "parts": (lambda: Net(parts, a=nn.Linear(6, 8)), (6,)),
    "places": (
        lambda: Net(lambda n, x: n.a(x)[:, -1] + n.a2(x)[..., 0:4][:, 0], a=nn.Linear(5, 4), a2=nn.Linear(5, 6)),
        (3, 5),
    ),
    "pools": (
        lambda: Net(
            lambda n, x: functional.max_pool2d(functional.adaptive_avg_pool2d(n.a(x), 4), 2).mean((2, 3)),
            a=nn.Conv2d(1, 3, 3, padding=1),
        ),
        (1, 8, 8),
    ),
    "global pool": (
        lambda: Net(lambda n, x: n.p(n.a(x)).flatten(1), a=nn.Conv2d(1, 3, 3), p=nn.AdaptiveAvgPool2d(1)),
        (1, 8, 8),
    ),
    "largest": (
        lambda: Net(lambda n, x: n.p(n.a(x)).squeeze(), a=nn.Conv2d(1, 3, 3), p=nn.AdaptiveMaxPool2d(1)),
        (1, 8, 8),
    ),
    "activations": (
        lambda: Net(lambda n, x: torch.tanh(functional.leaky_relu(n.a(x), 0.2)) * torch.sigmoid(x), a=nn.Linear(5, 5)),
        (5,),
    ),
    "gates": (lambda: Net(gated, a=nn.Conv2d(4, 4, 1), b=nn.Linear(4, 4)), (4, 3, 3)),
    "clamp": (lambda: Net(lambda n, x: n.a(x).clamp(-1, 2).clamp(min=0), a=nn.Linear(5, 4)), (5,)),
    "functions of one number": (
        lambda: Net(
            lambda n, x: n.a(x).abs().sqrt() + torch.exp(-n.a(x).square()) + n.a(x).clamp(min=-0.5).sin(),
            a=nn.Linear(5, 4),
        ),
        (5,),
    ),
    "cut off below and above": (
        lambda: Net(
            lambda n, x: n.a(x).clamp(max=0.3) + torch.clamp(n.a(x), min=-0.1) + n.t(n.a(x)),
            a=nn.Linear(5, 4),
            t=nn.Threshold(0.1, 0.0),
        ),
        (5,),
    ),
    "another layout": (
        lambda: Net(lambda n, x: n.a(x.to(torch.float32).to(memory_format=torch.channels_last)), a=nn.Conv2d(2, 3, 2)),
        (2, 4, 4),
    ),
    "given weights": (
        lambda: Net(
            lambda n, x: functional.linear(functional.conv1d(x, n.k, padding=1).flatten(1), n.w),
            k=draw(2, 3, 3),
            w=draw(4, 10),
        ),
        (3, 5),
    ),
    "lone batch-norm": (
        lambda: Net(lambda n, x: n.a(n.n(x).relu()), n=nn.BatchNorm2d(2), a=nn.Conv2d(2, 3, 1)),
        (2, 4, 4),
    ),
    "normalised": (
        lambda: Net(lambda n, x: n.s(n.n(n.a(x))), a=nn.Linear(5, 4), n=nn.LayerNorm(4), s=nn.Softmax(-1)),
        (5,),
    ),
    "attention": (
        lambda: Net(
            lambda n, x: n.b(n.m(n.a(x), n.a2(x), n.a2(x))[0]),
            a=nn.Linear(5, 4),
            a2=nn.Linear(5, 4),
            m=nn.MultiheadAttention(4, 2, batch_first=True),
            b=nn.Linear(4, 2),
        ),
        (3, 5),
    ),
    "own attention": (
        lambda: Net(
            lambda n, x: functional.scaled_dot_product_attention(n.a(x), n.b(x), n.c(x)),
            a=nn.Linear(5, 4),
            b=nn.Linear(5, 4),
            c=nn.Linear(5, 4),
        ),
        (3, 5),
    ),
    "upsampled": (
        lambda: Net(
            lambda n, x: n.a(functional.interpolate(functional.pad(x, (1, 1)), scale_factor=2)), a=nn.Conv2d(1, 2, 3)
        ),
        (1, 4, 4),
    ),
    "dropout": (lambda: Net(lambda n, x: n.a(functional.dropout(x, 0.5, n.training)), a=nn.Linear(5, 4)), (5,)),
    "a constant matrix": (
        lambda: Net(lambda n, x: torch.matmul(n.a(x), n.w) @ n.w, a=nn.Linear(5, 4), w=draw(4, 4)),
        (5,),
    ),
    "inputs by name": (lambda: Net(lambda n, x: n.b(input=n.a(input=x)), a=nn.Linear(5, 4), b=nn.Linear(4, 2)), (5,)),
    "defaults": (lambda: Optional(nn.Linear(5, 4)), (5,)),
    "indices that nobody wants": (
        lambda: Net(lambda n, x: functional.adaptive_max_pool2d(n.a(x), 1), a=nn.Conv2d(1, 3, 3)),
        (1, 8, 8),
    ),
    "a module that forwards itself": (lambda: nn.Sequential(Scaled(5, 4), nn.ReLU(), nn.Linear(4, 2)), (5,)),
}


class Optional(nn.Module):
    """A network with arguments that need not be given."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(
        self, inputs: Tensor, scale: float = 2.0, *more: Tensor, mask: Tensor | None = None, **others: bool
    ) -> Tensor:
        outputs = self.layer(inputs) * scale
        return outputs if mask is None and not others else outputs * mask


class Scaled(nn.Linear):
    """A linear layer that does more."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) * 0.5


def unpacked(net: nn.Module, inputs: Tensor) -> Tensor:
    values = net.a(inputs)
    rows, channels, height, width = values.shape
    return net.b(values.view(rows, channels * height * width))


def parts(net: nn.Module, inputs: Tensor) -> Tensor:
    first, second = net.a(inputs).chunk(2, dim=1)
    a, b, c, d = first.unbind(1)
    return torch.stack([a, b], 1) - torch.stack((c, d), -1) + second.split([2, 2], dim=1)[1].unsqueeze(1).squeeze(1)


def gated(net: nn.Module, inputs: Tensor) -> Tensor:
    values = net.a(inputs)
    gate = net.b(values.mean((2, 3))).sigmoid()
    return values * gate[:, :, None, None]


@pytest.mark.parametrize("name", FORWARDS)
def test_the_graph_computes_what_the_network_does(name: str) -> None:
    build, shape = FORWARDS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build().eval()
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.copy_(draw(2))
            norm.running_var.copy_(draw(2).abs() + 0.5)
    state = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    inputs = draw(7, *shape)
    found = traced(network, example=inputs[:1])
    expected = network(inputs.clone())
    torch.testing.assert_close(found(inputs.clone()), expected, rtol=1e-5, atol=1e-6)
    assert all(torch.equal(tensor, state[key]) for key, tensor in network.state_dict().items())


def test_sizes_are_needed_only_where_the_forward_computes_with_them() -> None:
    build, _ = FORWARDS["skip"]
    assert list(traced(build()).nodes) == ["a", "add", "relu"]
    build, _ = FORWARDS["unpacked"]
    with pytest.raises(LowlandError, match=r"at test_trace.py:\d+ of the network depends on .*expected example="):
        traced(build())
    build, _ = FORWARDS["pools"]
    with pytest.raises(LowlandError, match=r"expected example=, some inputs \[rows, ...\]"):
        traced(build())


def branching(net: nn.Module, inputs: Tensor) -> Tensor:
    if inputs.sum() > 0:
        return net.a(inputs)
    return -net.a(inputs)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Sequential(nn.MaxPool2d(2, return_indices=True)), "returns indices; expected return_indices=False"),
        (nn.Sequential(nn.AvgPool2d(2, ceil_mode=True)), "divides by changing numbers; expected ceil_mode=False"),
        (nn.Sequential(nn.AvgPool2d(2, divisor_override=3)), "divides by changing numbers"),
        (nn.Sequential(nn.AvgPool2d(2, padding=(0, 1), count_include_pad=False)), "expected .*count_include_pad=True"),
        (nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), "batch-norm '1' is in training mode"),
        (nn.Sequential(nn.Conv1d(1, 1, 3, padding=1, padding_mode="circular")), "is padded by 'circular'; expected"),
        (
            Net(branching, a=nn.Linear(2, 2)),
            r"Net.forward cannot be traced at test_trace.py:\d+ .*no branches on values",
        ),
        (
            Net(lambda n, x: torch.topk(n.p(n.a(x)).cumsum(1), 2)[0], a=nn.Linear(2, 2), p=nn.RReLU()),
            r"has 3 operations that cannot be quantized: p \(RReLU\): LeakyReLU has a fixed slope, PReLU a "
            r"trained one, cumsum at test_trace.py:\d+, topk at test_trace.py:\d+; expected",
        ),
        (Net(lambda n, x: n.a(x) / x, a=nn.Linear(2, 2)), "divides by a value; expected division by constants"),
        (Net(lambda n, x: n.a(x)[:1], a=nn.Linear(2, 2)), r"picks rows; expected all of them, x\[:, ...\]"),
        (Net(lambda n, x: n.a(x).mean(), a=nn.Linear(2, 2)), "takes the mean over all rows"),
        (Net(lambda n, x: n.a(x).mean(0), a=nn.Linear(2, 2)), "works across the rows; expected each row for itself"),
        (Net(lambda n, x: n.a(x).reshape(-1, 1), a=nn.Linear(2, 2)), "expected as many numbers in each row"),
        (
            Net(lambda n, x: n.a(x) + torch.ones(x.shape[0], 1), a=nn.Linear(2, 2)),
            r"cannot be traced at test_trace.py:\d+ .*no branches on values",
        ),
        (Net(lambda n, x: functional.dropout(n.a(x)), a=nn.Linear(2, 2)), "drops values at random in evaluation"),
        (Net(lambda n, x: n.a(x) * 0, a=nn.Linear(2, 2)), "multiplies by 0.0; expected a finite number other than 0"),
        (Net(lambda n, x: n.a(x.flatten()), a=nn.Linear(2, 2)), "flattens the rows too; expected start_dim=1 or more"),
        (
            Net(lambda n, x: n.a(x).to(torch.bfloat16).float(), a=nn.Linear(2, 2)),
            "turns values into torch.bfloat16; expected",
        ),
        (
            Net(lambda n, x: n.a(x).to(torch.int32).float(), a=nn.Linear(2, 2)),
            "cuts computed values down to whole numbers; expected",
        ),
        (
            Net(lambda n, x: functional.layer_norm(n.a(x), (2,), None, n.b), a=nn.Linear(2, 2), b=draw(2)),
            "has a bias and no weight; expected both or none",
        ),
        (Net(lambda n, x: n.a(x).pow(3), a=nn.Linear(2, 2)), "raises to the power 3; expected 2"),
        (
            Net(lambda n, x: (n.a(x), x), a=nn.Linear(2, 2)),
            "forward of the network returns a tuple; expected one tensor",
        ),
        (
            Net(lambda n, x: n.a(n.b(n.b(x))), a=nn.Linear(2, 2), b=nn.LayerNorm(2)),
            "layer b of the network has the weights of layer b; expected .* only a linear or convolutional layer",
        ),
        (
            Net(lambda n, x: n.b(n.b(x[:, None])[0])[0].flatten(1), b=nn.LSTM(2, 2, batch_first=True)),
            "layer b of the network has the weights of layer b_input; expected|layer b of the network has the weights",
        ),
        (
            Net(lambda n, x: functional.linear(functional.linear(x, n.a.weight), n.a.weight.T), a=nn.Linear(2, 2)),
            r"linear at test_trace.py:\d+ of the network has the weights of layer linear; expected",
        ),
        (
            Net(lambda n, x: n.a(x).unsqueeze(2) @ n.b(x).unsqueeze(1), a=nn.Linear(2, 2), b=nn.Linear(2, 2)),
            "multiplies matrices that both change; expected a value times a constant matrix",
        ),
        (
            nn.Sequential(nn.Linear(2, 1), nn.Flatten(0)),
            r"layer 1 of the network, Flatten\(start_dim=0, end_dim=-1\), fl",
        ),
        (
            Net(lambda n, x: n.a(x)[:, :, None].add(None), a=nn.Linear(2, 2)),
            r"add at test_trace.py:\d+ of the network is called in a way that cannot be quantized \(.*None",
        ),
        (
            Net(
                lambda n, x: n.m(x[:, None], x[:, None], x[:, None])[1].sum(1),
                m=nn.MultiheadAttention(2, 1, batch_first=True),
            ),
            r"sum at test_trace.py:\d+ of the network is called in a way that cannot be quantized \('NoneType' object",
        ),
        (
            Net(lambda n, x: n.p(n.a(x), 3), a=nn.Linear(2, 2), p=nn.Flatten()),
            r"layer p of the network is called in a way that cannot be quantized",
        ),
        (nn.Sequential(nn.Linear(3, 2)), r"layer 0 of the network cannot take values of shape \(2,\) \(mat1 and mat2"),
    ],
)
def test_what_cannot_be_quantized_is_refused_in_one_line(network: nn.Module, message: str) -> None:
    with pytest.raises(LowlandError, match=message) as caught:
        traced(network if "training mode" in message else network.eval(), example=draw(4, 2))
    assert "\n" not in str(caught.value)


def test_a_float_part_that_does_not_exist_is_refused() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    with pytest.raises(LowlandError, match="float_from is 'decoder'; expected the name of a layer: 0, 1, 2"):
        traced(network, float_from="decoder")
    with pytest.raises(LowlandError, match=r"has 0 layers and none with weights; .* before the part that stays float"):
        traced(network, float_from="0")
    branching = Net(lambda n, x: n.b(x) + n.a(x), a=nn.Linear(2, 2), b=nn.Linear(2, 2))
    with pytest.raises(LowlandError, match="in the part that stays float, takes inputs; expected layers in turn"):
        traced(branching, float_from="b")
