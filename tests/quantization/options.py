"""A residual network and the options of precisions, for the tests of quantization and faults."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from lowland.quantization import Precision, QuantizedNetwork, build_quantized, calibrate

OPTIONS: dict[str, dict[str, Any]] = {
    "asymmetric": {"activations": "asymmetric"},
    "asymmetric, nothing clipped": {"activations": "asymmetric", "calibration": "max"},
    "asymmetric percentiles": {"activations": "asymmetric", "calibration": "percentile", "percentile": 99.0},
    "powers of two": {"scale": "power_of_two"},
    "powers of two, nothing clipped": {"scale": "power_of_two", "calibration": "max"},
    "a scale a channel": {"per_channel": True},
    "a power of two a channel": {"per_channel": True, "scale": "power_of_two", "bias_correction": True},
    "asymmetric powers of two": {"activations": "asymmetric", "scale": "power_of_two", "calibration": "max"},
    "all at once": {
        "activations": "asymmetric",
        "scale": "power_of_two",
        "per_channel": True,
        "layer_bits": {"*": {"weights": 5}, "deep": {"weights": 3}, "s*_in": {"activations": 6}},
    },
}


class Residual(nn.Module):
    """Convolutions (one depthwise) around which values are added, a table and pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.deep = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.point = nn.Conv2d(4, 4, 1)
        self.smooth = nn.SiLU()
        self.head = nn.Linear(16, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        values = torch.relu(self.norm(self.first(inputs)))
        values = self.smooth(values + self.point(self.deep(values)))
        return self.head(nn.functional.max_pool2d(values, 2).flatten(1))


def residual() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Residual().eval()


def rows(count: int, *, seed: int = 0) -> Tensor:
    """Off centre, so that a zero point pays."""
    return torch.randn(count, 2, 4, 4, generator=torch.Generator().manual_seed(seed)) + 0.7


def model(options: dict[str, Any], *, bits: int = 4, method: str = "ptq", steps: int = 0) -> QuantizedNetwork:
    """Calibrated, and trained towards random outputs for so many steps."""
    precision = Precision(method=method, weight_bits=bits, activation_bits=bits, **options)
    quantized = calibrate(build_quantized(residual(), precision, input_bits=8, example=rows(2)), rows(64))
    optimizer = torch.optim.Adam([p for p in quantized.parameters() if p.requires_grad], 0.02)
    targets = torch.randn(64, 3, generator=torch.Generator().manual_seed(1))
    for _ in range(steps):
        optimizer.zero_grad()
        (quantized(rows(64)) - targets).square().mean().backward()
        optimizer.step()
    optimizer.zero_grad()
    return quantized
