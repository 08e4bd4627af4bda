"""ResNet-20: three stages of three residual blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from lowland.architectures.resnet import ResidualBlock

BLOCKS = 3  # a stage


class ResNet20(nn.Module):
    """ResNet-20: a convolution, three stages of three residual blocks, the mean, a linear layer.

    The stages have 1, 2 and 4 times as many channels as the first convolution; the second and third halve the sides.

    Args:
        inputs: Channels, height and width of an image.
        outputs: Number of outputs.
        width: Channels of the first stage; the published network has 16.

    Source: He et al. 2016 (arXiv 1512.03385), with convolutions of 1 x 1 where a skip changes its size.
    """

    def __init__(self, *, inputs: Sequence[int], outputs: int, width: int = 16) -> None:
        super().__init__()
        self.spec: dict[str, Any] = {"kind": "resnet20", "inputs": list(inputs), "outputs": outputs, "width": width}
        self.conv = nn.Conv2d(inputs[0], width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        blocks, before = [], width
        for stage in range(3):
            for block in range(BLOCKS):
                channels = width * 2**stage
                blocks.append(ResidualBlock(before, channels, stride=2 if stage and not block else 1))
                before = channels
        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(before, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [n, outputs] of images [n, channels, height, width]."""
        features = self.blocks(self.relu(self.norm(self.conv(inputs))))
        return self.linear(self.flatten(self.pool(features)))
