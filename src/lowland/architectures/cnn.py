"""Convolutions with pooling, then linear layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError


class CNN(nn.Module):
    """Convolutions without padding, each with ReLU and a maximum over 2 x 2 pixels; then linear layers with ReLU.

    Args:
        inputs: Channels, height and width of an image.
        channels: Of each convolution.
        kernel: Pixels of a side of the filters.
        hidden: Width of each hidden linear layer.
        outputs: Number of outputs.

    Raises:
        LowlandError: Images that the convolutions leave nothing of.
    """

    def __init__(
        self, *, inputs: Sequence[int], channels: Sequence[int], kernel: int, hidden: Sequence[int], outputs: int
    ) -> None:
        super().__init__()
        self.spec: dict[str, Any] = {
            "kind": "cnn",
            "inputs": list(inputs),
            "channels": list(channels),
            "kernel": kernel,
            "hidden": list(hidden),
            "outputs": outputs,
        }
        layers: list[nn.Module] = []
        depth, height, width = inputs
        for number in channels:
            layers += [nn.Conv2d(depth, number, kernel), nn.ReLU(), nn.MaxPool2d(2)]
            depth, height, width = number, (height - kernel + 1) // 2, (width - kernel + 1) // 2
            if min(height, width) < 1:
                raise LowlandError(
                    f"images of {inputs[1]}x{inputs[2]} pixels are too small for {len(channels)} convolutions of "
                    f"{kernel}x{kernel} with pooling; expected larger images or fewer convolutions"
                )
        widths = (depth * height * width, *hidden)
        layers.append(nn.Flatten())
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], outputs))

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [n, outputs] of images [n, channels, height, width]."""
        # The channels of each pixel side by side: torch pools these several times as fast.
        return self.layers(inputs.to(memory_format=torch.channels_last))
