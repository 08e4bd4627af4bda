"""Network in Network: convolutions with small networks of 1 x 1 in place of linear layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from lowland.errors import LowlandError


def _block(before: int, channels: Sequence[int], kernel: int) -> list[nn.Module]:
    """A convolution with a kernel and others of 1 x 1, each with batch normalisation and ReLU."""
    layers: list[nn.Module] = []
    for place, (old, new) in enumerate(pairwise((before, *channels))):
        side = 1 if place else kernel
        layers += [nn.Conv2d(old, new, side, padding=side // 2, bias=False), nn.BatchNorm2d(new), nn.ReLU()]
    return layers


class NiN(nn.Module):
    """Network in Network: three blocks of a convolution and two of 1 x 1; the last channels' means are the outputs.

    Between the blocks a maximum over 3 x 3 pixels halves the sides. There is no linear layer, and no dropout: batch
    normalisation is in its place.

    Args:
        inputs: Channels, height and width of an image.
        outputs: Number of outputs.
        width: Channels of the first convolution, at least 2; the published network has 192.

    Raises:
        LowlandError: A smaller width.

    Source: Lin, Chen & Yan 2014 (arXiv 1312.4400), with batch normalisation and maxima as in the networks of
    arXiv 2204.04220.
    """

    def __init__(self, *, inputs: Sequence[int], outputs: int, width: int = 192) -> None:
        super().__init__()
        if width < 2:
            raise LowlandError(f"width is {width}; expected at least 2 for NiN, whose narrowest layer has half of it")
        self.spec: dict[str, Any] = {"kind": "nin", "inputs": list(inputs), "outputs": outputs, "width": width}
        half = width // 2
        self.layers = nn.Sequential(
            *_block(inputs[0], (width, width * 5 // 6, half), kernel=5),
            nn.MaxPool2d(3, stride=2, padding=1),
            *_block(half, (width, width, width), kernel=5),
            nn.MaxPool2d(3, stride=2, padding=1),
            *_block(width, (width, width, outputs), kernel=3),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [n, outputs] of images [n, channels, height, width]."""
        return self.layers(inputs)
