"""DS-CNN: a few separable convolutions, as for keywords in speech."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from lowland.architectures.separable import normed_convolution, separable_convolution

BLOCKS = 4


class DSCNN(nn.Module):
    """DS-CNN: a convolution that halves the sides, four separable ones, the mean, a linear layer.

    Args:
        inputs: Channels, height and width of an image.
        outputs: Number of outputs.
        width: Channels of every convolution; the published network has 64.
        kernel: Pixels of the sides of the first convolution's filters: 3 x 3 for pictures; the published network has
            10 x 4 for a spectrum of 10 frequencies at 49 times.

    Source: Zhang et al. 2017 (arXiv 1711.07128), without dropout as trained networks are deployed; Banbury et al. 2021,
    MLPerf Tiny (arXiv 2106.07597).
    """

    def __init__(self, *, inputs: Sequence[int], outputs: int, width: int = 64, kernel: Sequence[int] = (3, 3)) -> None:
        super().__init__()
        self.spec: dict[str, Any] = {"kind": "ds_cnn", "inputs": list(inputs), "outputs": outputs, "width": width}
        height, breadth = kernel
        if (height, breadth) != (3, 3):
            self.spec["kernel"] = [height, breadth]
        layers = normed_convolution(inputs[0], width, (height, breadth), stride=2)
        for _ in range(BLOCKS):
            layers += separable_convolution(width, width)
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, outputs))

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [n, outputs] of images [n, channels, height, width]."""
        return self.layers(inputs)
