"""ResNet-50 for small images: residual blocks with a bottleneck."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

BLOCKS = (3, 4, 6, 3)  # of the four stages
EXPANSION = 4  # channels of a block's outputs over those of its inner convolutions


class BottleneckBlock(nn.Module):
    """ReLU(norm(conv1x1(ReLU(norm(conv3x3(ReLU(norm(conv1x1(x)))))))) + skip(x)).

    The skip is the identity, or a convolution of 1 x 1 where channels or size change.

    Args:
        before: Channels of the inputs.
        channels: Of the inner convolutions; the outputs have four times as many.
        stride: Of the convolution of 3 x 3 and the skip.
    """

    def __init__(self, before: int, channels: int, *, stride: int) -> None:
        super().__init__()
        after = EXPANSION * channels
        self.conv1 = nn.Conv2d(before, channels, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, stride=stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(channels, after, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(after)
        same = before == after and stride == 1
        self.skip: nn.Module = nn.Identity() if same else nn.Conv2d(before, after, 1, stride=stride)
        self.relu3 = nn.ReLU()

    def forward(self, inputs: Tensor) -> Tensor:
        """Images [n, 4 channels, height / stride, width / stride] of images [n, before, height, width]."""
        inner = self.relu1(self.norm1(self.conv1(inputs)))
        inner = self.relu2(self.norm2(self.conv2(inner)))
        return self.relu3(self.norm3(self.conv3(inner)) + self.skip(inputs))


class ResNet50(nn.Module):
    """ResNet-50: a convolution, four stages of 3, 4, 6 and 3 bottleneck blocks, the mean, a linear layer.

    The first convolution has a kernel of 3 x 3 and keeps the size, so that small images can be read; the published one
    has 7 x 7 and a maximum behind it. The second to fourth stage halve the sides.

    Args:
        inputs: Channels, height and width of an image.
        outputs: Number of outputs.
        width: Channels of the first convolution and of the inner ones of the first stage; the published network has 64.

    Source: He et al. 2016 (arXiv 1512.03385), strides in the convolutions of 3 x 3 as is usual since.
    """

    def __init__(self, *, inputs: Sequence[int], outputs: int, width: int = 64) -> None:
        super().__init__()
        self.spec: dict[str, Any] = {"kind": "resnet50", "inputs": list(inputs), "outputs": outputs, "width": width}
        self.conv = nn.Conv2d(inputs[0], width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        blocks, before = [], width
        for stage, count in enumerate(BLOCKS):
            for block in range(count):
                channels = width * 2**stage
                blocks.append(BottleneckBlock(before, channels, stride=2 if stage and not block else 1))
                before = EXPANSION * channels
        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(before, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [n, outputs] of images [n, channels, height, width]."""
        features = self.blocks(self.relu(self.norm(self.conv(inputs))))
        return self.linear(self.flatten(self.pool(features)))
