"""Integer networks with so few input codes that all inputs can be tried."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor, nn

from lowland.quantization import IntegerNetwork
from tests.quantization.graphs import Builder


class Even(Builder):
    """Step sizes that are powers of two: accumulators lie on ties of the rounding."""

    def about(self, scale: float) -> Tensor:
        return torch.tensor(2.0 ** round(np.log2(scale)))


def perceptron(seed: int, *, bits: int = 4, even: bool = False, steps: float = 1.0) -> IntegerNetwork:
    """Three inputs of four bits, two hidden layers with so many times their usual step sizes, three outputs."""
    b = (Even if even else Builder)(bits, seed)
    x = b.quantize("input", scale=0.25, bits=4)
    x = b.requantize("1", b.layer("0", x, nn.Linear(3, 5), reach=8), scale=0.5 * steps)
    x = b.requantize("3", b.layer("2", x, nn.Linear(5, 4), reach=16), scale=0.7 * steps)
    b.layer("4", x, nn.Linear(4, 3), reach=16)
    return b.network()


def joined(seed: int, *, bits: int = 3, even: bool = False) -> IntegerNetwork:
    """A convolution on two pixels by two, a sum around it, a concatenation, a change of shape, two-sided codes."""
    b = (Even if even else Builder)(bits, seed)
    x = b.quantize("input", scale=0.5, bits=3)
    left = b.requantize("relu", b.layer("conv", x, nn.Conv2d(1, 2, 2, padding=1), reach=4), scale=0.6)
    right = b.shared("skip", b.layer("wide", x, nn.Conv2d(1, 2, 2, padding=1), reach=4), "relu", signed=True)
    summed = b.requantize("sum", b.plain("add", "add", left, right), scale=0.7, signed=True)
    part = b.shared("part", right, "sum", signed=True)
    both = b.plain("concat", "both", summed, part, dim=1)
    flat = b.plain("reshape", "flat", both, shape=[36])
    b.layer("head", flat, nn.Linear(36, 3), reach=8)
    return b.network()


def looked(seed: int, *, bits: int = 4, even: bool = False) -> IntegerNetwork:
    """Two tables, one of which is not monotone, a moved range and a narrow one."""
    b = (Even if even else Builder)(bits, seed)
    x = b.layer("first", b.quantize("input", scale=0.25, bits=4), nn.Linear(3, 4), reach=8)
    bent = b.requantize("before", x, scale=0.2, bits=5, signed=True)
    bent = b.table("gate", bent, "silu", lowest=-16, bits_in=5, scale=0.3)
    moved = b.requantize("before2", x, scale=0.3, bits=4, lowest=-5)
    leak = b.table("leak", moved, "leaky_relu", lowest=-5, bits_in=4, scale=0.3, arguments={"negative_slope": 0.1})
    both = b.plain("concat", "both", b.shared("a", bent, "leak", signed=True), leak, dim=1)
    narrow = b.requantize("narrow", b.layer("mid", both, nn.Linear(8, 4), reach=8), scale=0.8, signed=True,
                          clamp=[-3, 5])  # fmt: skip
    b.layer("head", narrow, nn.Linear(4, 3), reach=8)
    return b.network()


SHAPES = {perceptron: (3,), joined: (1, 2, 2), looked: (3,)}


def every_input(network: IntegerNetwork, lower: Tensor, upper: Tensor) -> Tensor:
    """All inputs on the quantizer's steps whose codes lie between two [inputs]."""
    step = network.steps["input"]
    ranges = [range(int(first), int(last) + 1) for first, last in zip(lower.flatten(), upper.flatten(), strict=True)]
    codes = torch.tensor(list(itertools.product(*ranges)))
    return (codes * step.scale).float().reshape(-1, *lower.shape)


def codes_around(network: IntegerNetwork, row: Tensor, radius: int) -> tuple[Tensor, Tensor]:
    """The ends of the codes within a radius of a row."""
    step = network.steps["input"]
    codes = step.integer(row)
    return tuple((codes + sign * radius).clamp(step.lowest, step.highest) for sign in (-1, 1))  # type: ignore[return-value]


def float_perceptron(network: IntegerNetwork, seed: int, *, noise: float = 0.3) -> nn.Sequential:
    """The float network that a perceptron might stand for: its weights moved by up to so many half steps."""
    draws = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    for name in ("0", "2", "4"):
        step = network.steps[name]
        layer = nn.Linear(step.sizes["in_features"], step.sizes["out_features"])
        weight, bias = step.float_parameters()
        moved = noise * (torch.rand(weight.shape, generator=draws) - 0.5) * step.weight_scale
        layer.weight.data, layer.bias.data = weight + moved, bias.clone()
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])
