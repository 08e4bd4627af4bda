"""Small convolution networks and their inputs, for the tests of quantization."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from lowland.quantization import Precision, QuantizedNetwork, build_quantized, calibrate


@dataclass(frozen=True)
class Case:
    """A network, the shape of a row and how it is quantized."""

    build: Callable[[], nn.Module]
    shape: tuple[int, ...]
    options: tuple[tuple[str, Any], ...] = ()
    per_channel: bool = False

    def network(self) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            network = self.build()
            for norm in network.modules():
                if isinstance(norm, nn.modules.batchnorm._BatchNorm):
                    norm.running_mean.normal_()
                    norm.running_var.uniform_(0.3, 3)
                    nn.init.normal_(norm.weight)
                    nn.init.normal_(norm.bias)
        return network.eval()

    def untrained(self, precision: Precision) -> QuantizedNetwork:
        """Not calibrated either."""
        precision = precision.model_copy(update={"per_channel": self.per_channel})
        return build_quantized(self.network(), precision, input_bits=8, **dict(self.options))

    def rows(self, count: int, *, seed: int = 0) -> Tensor:
        return torch.randn(count, *self.shape, generator=torch.Generator().manual_seed(seed))

    def twin(self, bits: int, *, steps: int = 0) -> QuantizedNetwork:
        """Calibrated, and trained towards random outputs for so many steps."""
        return copy.deepcopy(_twin(self, bits, steps))


@cache
def _twin(case: Case, bits: int, steps: int) -> QuantizedNetwork:
    precision = Precision(method="qat", weight_bits=bits, activation_bits=bits)
    quantized = case.untrained(precision)
    inputs = case.rows(64 if prod(case.shape) < 200 else 12)
    calibrate(quantized, inputs)
    optimizer = torch.optim.Adam([p for p in quantized.parameters() if p.requires_grad], 0.003)
    for _ in range(steps):
        outputs = quantized(inputs)
        targets = torch.rand(outputs.shape, generator=torch.Generator().manual_seed(1))
        optimizer.zero_grad()
        (outputs - targets).square().mean().backward()
        optimizer.step()
    optimizer.zero_grad()
    return quantized


def classifier() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(6 * 9, 4),
    )


def autoencoder() -> nn.Module:
    """The encoder of ECON-T, and a decoder that stays float."""
    return nn.Sequential(
        OrderedDict(
            encoder=nn.Sequential(
                nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(128, 16), nn.ReLU()
            ),
            decoder=nn.Sequential(
                nn.Linear(16, 128),
                nn.ReLU(),
                nn.Unflatten(1, (8, 4, 4)),
                nn.ConvTranspose2d(8, 8, 3, stride=2, padding=1, output_padding=1),
                nn.ReLU(),
                nn.ConvTranspose2d(8, 1, 3, padding=1),
                nn.Sigmoid(),
            ),
        )
    )


def regression() -> nn.Module:
    """The network for frames of 32 x 32 pixels."""
    layers: list[nn.Module] = []
    for before, after in ((1, 16), (16, 16), (16, 24)):
        layers += [nn.Conv2d(before, after, 3), nn.ReLU(), nn.MaxPool2d(2)]
    dense = [nn.Flatten(), nn.Linear(24 * 4, 42), nn.ReLU(), nn.Linear(42, 64), nn.ReLU(), nn.Linear(64, 2)]
    return nn.Sequential(*layers, *dense)


def averaging() -> nn.Module:
    """Average pooling of codes and of accumulators, a wide stride, dilation and groups."""
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, dilation=2, padding="same"),
        nn.BatchNorm2d(4),
        nn.AvgPool2d(2, padding=1),
        nn.ReLU(),
        nn.AvgPool2d((2, 3), stride=(1, 2)),
        nn.Conv2d(4, 6, 2, groups=2, padding=1),
        nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True),
        nn.ReLU(),
        nn.Flatten(1, 2),
        nn.Flatten(),
        nn.Linear(36, 3),
    )


def upsampling() -> nn.Module:
    """A transposed convolution with groups and uneven windows that is quantized itself."""
    return nn.Sequential(
        nn.Linear(5, 24),
        nn.ReLU(),
        nn.Unflatten(1, (4, 2, 3)),
        nn.ConvTranspose2d(4, 6, (3, 2), stride=(2, 3), padding=(1, 0), output_padding=(0, 1), groups=2),
        nn.ReLU(),
        nn.ConvTranspose2d(6, 1, 3, dilation=2, bias=False),
    )


def series() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(2, 4, 3, stride=2, dilation=2, padding=2, groups=2),
        nn.BatchNorm1d(4),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Flatten(),
        nn.Linear(12, 3),
    )


def channels() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3),
        nn.AvgPool2d(2),
        nn.ReLU(),
        nn.ConvTranspose2d(4, 3, 2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(27, 3),
    )


CASES: dict[str, Case] = {
    "classifier": Case(classifier, (2, 6, 6)),
    "autoencoder": Case(autoencoder, (1, 8, 8), (("float_from", "decoder"),)),
    "regression": Case(regression, (1, 32, 32)),
    "averaging": Case(averaging, (2, 8, 8)),
    "upsampling": Case(upsampling, (5,)),
    "series": Case(series, (2, 12)),
    "one scale a channel": Case(channels, (2, 6, 6), per_channel=True),
}
