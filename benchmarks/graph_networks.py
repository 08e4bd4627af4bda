"""The networks that are taken through quantization, and rows for them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.architectures.lenet import LeNet1, LeNet5
from lowland.architectures.mlp import MLP
from lowland.architectures.recurrent import Recurrent
from lowland.architectures.resnet import ResNet8


class Subject(NamedTuple):
    """A network and the shape of a row.

    Attributes:
        build: The network, with random weights.
        shape: Of one row.
        signed: Whether inputs can be negative.
    """

    build: Callable[[], nn.Module]
    shape: tuple[int, ...]
    signed: bool = True


class Separable(nn.Module):
    """Depthwise and pointwise convolutions in turn; with the sizes of the default, DS-CNN of MLPerf Tiny.

    Args:
        width: Channels.
        blocks: Pairs of a depthwise and a pointwise convolution.
        outputs: Number of outputs.
        stem: Kernel of the first convolution.
    """

    def __init__(self, width: int = 64, blocks: int = 4, outputs: int = 12, stem: tuple[int, int] = (10, 4)) -> None:
        super().__init__()
        padding = (stem[0] // 2, stem[1] // 2)
        layers = [nn.Conv2d(1, width, stem, stride=2, padding=padding), nn.BatchNorm2d(width), nn.ReLU()]
        for _ in range(blocks):
            layers += [nn.Conv2d(width, width, 3, padding=1, groups=width), nn.BatchNorm2d(width), nn.ReLU()]
            layers += [nn.Conv2d(width, width, 1), nn.BatchNorm2d(width), nn.ReLU()]
        self.features, self.head = nn.Sequential(*layers), nn.Linear(width, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [rows, outputs] of [rows, 1, height, width]."""
        return self.head(functional.dropout(self.features(inputs).mean((2, 3)), 0.4, self.training))


class NormalisedMLP(nn.Module):
    """Blocks of layer norm, linear layer and GELU with skips, as in transformers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(16, 32), nn.Linear(32, 5)
        self.norms = nn.ModuleList(nn.LayerNorm(32) for _ in range(2))
        self.wide = nn.ModuleList(nn.Linear(32, 64) for _ in range(2))
        self.narrow = nn.ModuleList(nn.Linear(64, 32) for _ in range(2))

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [rows, 5] of [rows, 16]."""
        values = self.first(inputs)
        for norm, wide, narrow in zip(self.norms, self.wide, self.narrow, strict=True):
            values = values + narrow(functional.gelu(wide(norm(values))))
        return self.last(values)


def tiny_autoencoder() -> nn.Module:
    """The dense autoencoder of MLPerf Tiny (anomaly detection): 640-128-128-128-128-8-128-128-128-128-640."""
    widths = [640, 128, 128, 128, 128, 8, 128, 128, 128, 128]
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(128, 640))


SUBJECTS: dict[str, Subject] = {
    "jets MLP": Subject(lambda: MLP(inputs=16, hidden=(64, 32, 32), outputs=5), (16,)),
    "LeNet-1": Subject(lambda: LeNet1(inputs=(1, 8, 8), outputs=10), (1, 8, 8), signed=False),
    "LeNet-5": Subject(lambda: LeNet5(inputs=(1, 8, 8), outputs=10), (1, 8, 8), signed=False),
    "ResNet-8": Subject(lambda: ResNet8(inputs=(1, 8, 8), outputs=10, width=8), (1, 8, 8), signed=False),
    "depthwise-separable": Subject(lambda: Separable(16, 2, 10, (3, 3)), (1, 8, 8), signed=False),
    "MLP, GELU, layer norm": Subject(NormalisedMLP, (16,)),
    "LSTM": Subject(lambda: Recurrent("lstm", inputs=6, hidden=20, outputs=5), (12, 6)),
    "GRU": Subject(lambda: Recurrent("gru", inputs=6, hidden=20, outputs=5), (12, 6)),
    "autoencoder (MLPerf Tiny)": Subject(tiny_autoencoder, (640,)),
    "DS-CNN (MLPerf Tiny)": Subject(Separable, (1, 49, 10)),
}


def made(subject: Subject, rows: int) -> tuple[nn.Module, Tensor]:
    """The network in evaluation mode, statistics of its batch-norms taken from random rows, and these rows.

    Args:
        subject: What is built.
        rows: How many.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = subject.build()
        inputs = torch.randn(rows, *subject.shape)
        inputs = inputs if subject.signed else inputs.abs().clamp(max=3) / 3
        for norm in network.modules():
            if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
                norm.momentum = None
        with torch.no_grad():
            network.train()(inputs[:512])
    return network.eval(), inputs
