"""MobileNet-V1 with a quarter of the channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from lowland.architectures.separable import normed_convolution, separable_convolution

BLOCKS = ((2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (16, 2), *5 * [(16, 1)], (32, 2), (32, 1))
"""Channels of each separable convolution over those of the first one, and its stride on large images."""
FEWEST_PIXELS = 3  # of a side that are left, as the published network leaves of 96


def halvings(side: int, *, most: int) -> int:
    """How often a side can be halved, rounded up, with at least three pixels left.

    Args:
        side: In pixels.
        most: Halvings that are wanted.
    """
    found = 0
    while found < most and -(-side // 2) >= FEWEST_PIXELS:
        side, found = -(-side // 2), found + 1
    return found


class MobileNetV1(nn.Module):
    """MobileNet-V1: a convolution, thirteen separable ones, the mean, a linear layer.

    The published network halves the sides five times, by the first convolution and four others. On small images the
    first of these halvings are left out, so that at least three pixels a side remain: of 32 pixels three halvings
    leave 4, of 8 one leaves 4.

    Args:
        inputs: Channels, height and width of an image.
        outputs: Number of outputs.
        width: Channels of the first convolution; the network of MLPerf Tiny, a quarter of the full one, has 8.

    Source: Howard et al. 2017 (arXiv 1704.04861); Banbury et al. 2021, MLPerf Tiny (arXiv 2106.07597).
    """

    def __init__(self, *, inputs: Sequence[int], outputs: int, width: int = 8) -> None:
        super().__init__()
        self.spec: dict[str, Any] = {"kind": "mobilenet", "inputs": list(inputs), "outputs": outputs, "width": width}
        strides = [2, *(stride for _, stride in BLOCKS)]
        left_out = strides.count(2) - halvings(min(inputs[1:]), most=strides.count(2))
        for place in [place for place, stride in enumerate(strides) if stride == 2][:left_out]:
            strides[place] = 1
        layers = normed_convolution(inputs[0], width, 3, stride=strides[0])
        before = width
        for (factor, _), stride in zip(BLOCKS, strides[1:], strict=True):
            layers += separable_convolution(before, factor * width, stride=stride)
            before = factor * width
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, outputs))

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [n, outputs] of images [n, channels, height, width]."""
        return self.layers(inputs)
