"""Small networks, trained a little, for the tests of quantization and faults."""

from __future__ import annotations

import copy
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.quantization import IntegerNetwork, Precision, QuantizedNetwork, build_quantized, calibrate, freeze

FEATURES, CLASSES = 6, 4


def rows(count: int, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Separable blobs with some overlap."""
    source = torch.Generator().manual_seed(seed)
    targets = torch.randint(0, CLASSES, (count,), generator=source)
    centres = torch.linspace(-1.5, 1.5, CLASSES * FEATURES).sin().reshape(CLASSES, FEATURES) * 2
    return centres[targets] + torch.randn(count, FEATURES, generator=source), targets


def float_network(*, seed: int = 0, bias: bool = True) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(FEATURES, 12, bias=bias),
            nn.ReLU(),
            nn.Linear(12, 8, bias=bias),
            nn.ReLU(),
            nn.Linear(8, CLASSES, bias=bias),
        )


def step(network: nn.Module, inputs: Tensor, targets: Tensor, optimizer: torch.optim.Optimizer) -> float:
    optimizer.zero_grad()
    loss = functional.cross_entropy(network(inputs), targets)
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def trained_float(*, seed: int = 0) -> nn.Sequential:
    network = float_network(seed=seed)
    inputs, targets = rows(512)
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(60):
        step(network, inputs, targets, optimizer)
    return network


def twin(bits: int, *, seed: int = 0, bias: bool = True, input_bits: int = 8, steps: int = 0) -> QuantizedNetwork:
    """A calibrated twin, fine-tuned for so many steps."""
    return copy.deepcopy(_twin(bits, seed, bias, input_bits, steps))


@cache
def _twin(bits: int, seed: int, bias: bool, input_bits: int, steps: int) -> QuantizedNetwork:
    precision = Precision(method="qat", weight_bits=bits, activation_bits=bits)
    quantized = build_quantized(float_network(seed=seed, bias=bias), precision, input_bits=input_bits)
    inputs, targets = rows(512)
    calibrate(quantized, inputs)
    trained = [parameter for parameter in quantized.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(trained, 0.01)
    for _ in range(steps):
        step(quantized, inputs, targets, optimizer)
    optimizer.zero_grad()
    return quantized


def integer_network(bits: int, *, seed: int = 0) -> IntegerNetwork:
    return freeze(twin(bits, seed=seed))
