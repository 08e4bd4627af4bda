"""ResNet-8: three stages of one residual block each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """ReLU(norm(conv(ReLU(norm(conv(x))))) + skip(x)) with convolutions of 3 x 3.

    The skip is the identity, or a convolution of 1 x 1 where channels or size change.

    Args:
        before: Channels of the inputs.
        channels: Of the outputs.
        stride: Of the first convolution and the skip.
    """

    def __init__(self, before: int, channels: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        same = before == channels and stride == 1
        self.skip: nn.Module = nn.Identity() if same else nn.Conv2d(before, channels, 1, stride=stride)
        self.relu2 = nn.ReLU()

    def forward(self, inputs: Tensor) -> Tensor:
        """Images [n, channels, height / stride, width / stride] of images [n, before, height, width]."""
        inner = self.relu1(self.norm1(self.conv1(inputs)))
        return self.relu2(self.norm2(self.conv2(inner)) + self.skip(inputs))


class ResNet8(nn.Module):
    """ResNet-8: a convolution, three residual blocks of 1, 2 and 4 times as many channels, the mean, a linear layer.

    The second and third block halve the sides.

    Args:
        inputs: Channels, height and width of an image.
        outputs: Number of outputs.
        width: Channels of the first stage; the published network has 16.

    Source: Banbury et al. 2021, MLPerf Tiny (arXiv 2106.07597), after He et al. 2016 (arXiv 1512.03385).
    """

    def __init__(self, *, inputs: Sequence[int], outputs: int, width: int) -> None:
        super().__init__()
        self.spec: dict[str, Any] = {"kind": "resnet8", "inputs": list(inputs), "outputs": outputs, "width": width}
        self.conv = nn.Conv2d(inputs[0], width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.stage1 = ResidualBlock(width, width, stride=1)
        self.stage2 = ResidualBlock(width, 2 * width, stride=2)
        self.stage3 = ResidualBlock(2 * width, 4 * width, stride=2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(4 * width, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [n, outputs] of images [n, channels, height, width]."""
        features = self.relu(self.norm(self.conv(inputs)))
        features = self.stage3(self.stage2(self.stage1(features)))
        return self.linear(self.flatten(self.pool(features)))
