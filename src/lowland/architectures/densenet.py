"""DenseNet for small images: every layer reads the results of all before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError

FIRST = 16  # channels of the first convolution
BLOCKS = 3


def layers_a_block(depth: int) -> int:
    """The number of layers of each of the three blocks.

    Args:
        depth: Convolutions and linear layers of the whole network.

    Raises:
        LowlandError: No whole number of layers a block.
    """
    layers, rest = divmod(depth - BLOCKS - 1, BLOCKS)
    if rest or layers < 1:
        raise LowlandError(f"depth is {depth}; expected 3 n + 4 layers, such as 10, 22 or 40, for DenseNet")
    return layers


class DenseBlock(nn.Module):
    """Layers conv3x3(ReLU(norm(x))), each of all channels so far, to which it adds its own.

    Args:
        before: Channels of the inputs.
        growth: Channels that each layer adds.
        layers: Their number.
    """

    def __init__(self, before: int, growth: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(before + place * growth),
                nn.ReLU(),
                nn.Conv2d(before + place * growth, growth, 3, padding=1, bias=False),
            )
            for place in range(layers)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Images [n, before + layers growth, height, width] of images [n, before, height, width]."""
        features = inputs
        for layer in self.layers:
            features = torch.cat([features, layer(features)], dim=1)
        return features


class DenseNet(nn.Module):
    """DenseNet: a convolution, three dense blocks with means over 2 x 2 pixels between them, the mean, a linear layer.

    Args:
        inputs: Channels, height and width of an image; sides of at least 4 pixels.
        outputs: Number of outputs.
        width: Channels that each layer adds (the growth rate); the published network has 12.
        depth: Layers with weights, 3 n + 4 for n a block; the published network has 40.

    Raises:
        LowlandError: A depth that is not 3 n + 4, or images that the means leave nothing of.

    Source: Huang et al. 2017 (arXiv 1608.06993): without bottlenecks and without compression.
    """

    def __init__(self, *, inputs: Sequence[int], outputs: int, width: int = 12, depth: int = 40) -> None:
        super().__init__()
        layers = layers_a_block(depth)
        if min(inputs[1:]) < 4:
            raise LowlandError(f"images of {inputs[1]}x{inputs[2]} pixels are too small for DenseNet; expected 4x4")
        self.spec: dict[str, Any] = {
            "kind": "densenet",
            "inputs": list(inputs),
            "outputs": outputs,
            "width": width,
            "depth": depth,
        }
        self.conv = nn.Conv2d(inputs[0], FIRST, 3, padding=1, bias=False)
        parts: list[nn.Module] = []
        channels = FIRST
        for block in range(BLOCKS):
            if block:
                parts += [*_normed(channels), nn.Conv2d(channels, channels, 1, bias=False), nn.AvgPool2d(2)]
            parts.append(DenseBlock(channels, width, layers))
            channels += layers * width
        self.blocks = nn.Sequential(*parts, *_normed(channels))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(channels, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [n, outputs] of images [n, channels, height, width]."""
        return self.linear(self.flatten(self.pool(self.blocks(self.conv(inputs)))))


def _normed(channels: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels), nn.ReLU()]
