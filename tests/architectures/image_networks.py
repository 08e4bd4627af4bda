"""Every network for images in a small form, and what is trained on so few rows."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.architectures import initialised_network

SMALL: dict[str, dict[str, Any]] = {
    "nin": {"width": 6},
    "resnet20": {"width": 2},
    "resnet50": {"width": 1},
    "densenet": {"width": 2, "depth": 7},
    "mobilenet": {"width": 1},
    "ds_cnn": {"width": 4},
}
"""Options of the networks beside their inputs and outputs."""
CLASSES, SHAPE = 4, (1, 8, 8)


def spec(kind: str, inputs: tuple[int, int, int] = SHAPE) -> dict[str, Any]:
    return {"kind": kind, "inputs": list(inputs), "outputs": CLASSES, **SMALL[kind]}


def samples(count: int, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Noise from black 0 to white 1, brighter the higher the class."""
    source = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % CLASSES
    noise = torch.rand(count, *SHAPE, generator=source)
    return ((noise + labels[:, None, None, None] / 2) / 2.5).clamp(0, 1), labels


def fitted(network: nn.Module, *, steps: int, rate: float) -> nn.Module:
    """The network itself after so many steps, ready to be used."""
    inputs, labels = samples(64)
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], rate)
    network.train()
    for _ in range(steps):
        optimizer.zero_grad()
        functional.cross_entropy(network(inputs), labels).backward()
        optimizer.step()
    optimizer.zero_grad()
    return network.eval()


@cache
def trained(kind: str) -> nn.Module:
    """Shared by tests, which leave it as it is."""
    return fitted(initialised_network(spec(kind), key=("images", 0)), steps=8, rate=5e-3)
