"""Networks with layers that are called on several values."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.quantization.graph.test_trace import Net


class Shared(NamedTuple):
    """A network, its inputs and what it stores once."""

    network: Callable[[], nn.Module]
    shape: tuple[int, ...]
    words: tuple[str, ...]


def siamese(net: nn.Module, inputs: Tensor) -> Tensor:
    """Two views of the inputs through one tower, and their difference."""
    left, right = (net.b(torch.relu(net.a(view))) for view in (inputs[:, :4], inputs[:, 4:]))
    return net.head(left * right - (left - right).abs())


def images(net: nn.Module, inputs: Tensor) -> Tensor:
    """One convolution on both channels, batch-norm behind it."""
    left, right = (net.norm(net.conv(view)).relu() for view in (inputs[:, :1], inputs[:, 1:].transpose(2, 3)))
    return net.head(torch.cat([left, right], 1).mean((2, 3)))


def repeated(net: nn.Module, inputs: Tensor) -> Tensor:
    """One layer again and again, from other step sizes than its own results have."""
    x = net.first(inputs).tanh()
    for _ in range(3):
        x = functional.gelu(net.cell(x))
    return net.head(x)


def unrolled(net: nn.Module, inputs: Tensor) -> Tensor:
    """An Elman network spelt out."""
    h = torch.tanh(net.i(inputs[:, 0]))
    for place in range(1, 4):
        h = torch.tanh(net.i(inputs[:, place]) + net.h(h))
    return net.head(h)


def functional_(net: nn.Module, inputs: Tensor) -> Tensor:
    """The same weights by functions, no bias, other step sizes."""
    left = functional.linear(inputs, net.a.weight).relu()
    return net.head(functional.linear(left, net.a.weight).relu() + left)


def _net(forward: Callable[[nn.Module, Tensor], Tensor], **layers: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            net = Net(forward, **{name: layer() for name, layer in layers.items()})
            for norm in net.modules():
                if isinstance(norm, nn.BatchNorm2d):
                    norm.running_mean.normal_(std=0.3)
                    norm.running_var.uniform_(0.5, 2)
            return net.eval()

    return make


def _linear(inputs: int, outputs: int, *, bias: bool = True) -> Callable[[], nn.Module]:
    return lambda: nn.Linear(inputs, outputs, bias=bias)


SHARED = {
    "siamese": Shared(
        _net(siamese, a=_linear(4, 6), b=_linear(6, 5), head=_linear(5, 3)),
        (8,),
        ("a.weight", "a.bias", "b.weight", "b.bias", "head.weight", "head.bias"),
    ),
    "images": Shared(
        _net(images, conv=lambda: nn.Conv2d(1, 3, 3), norm=lambda: nn.BatchNorm2d(3), head=_linear(6, 3)),
        (2, 6, 6),
        ("conv.weight", "conv.bias", "head.weight", "head.bias"),
    ),
    "repeated": Shared(
        _net(repeated, first=_linear(4, 6), cell=_linear(6, 6), head=_linear(6, 3)),
        (4,),
        ("first.weight", "first.bias", "cell.weight", "cell.bias", "head.weight", "head.bias"),
    ),
    "unrolled": Shared(
        _net(unrolled, i=_linear(3, 6), h=_linear(6, 6, bias=False), head=_linear(6, 3)),
        (4, 3),
        ("i.weight", "i.bias", "h.weight", "head.weight", "head.bias"),
    ),
    "functional": Shared(
        _net(functional_, a=_linear(5, 5), head=_linear(5, 3)),
        (5,),
        ("linear.weight", "head.weight", "head.bias"),
    ),
}
