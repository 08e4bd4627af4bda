"""Convolutions with pooling, then linear layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError


class Convolutions(NamedTuple):
    """Square convolutions, each with ReLU and a maximum over 2 x 2 pixels.

    Attributes:
        channels: Of each.
        kernel: Pixels of a side of the filters.
        padding: Zeros around every image.
    """

    channels: Sequence[int]
    kernel: int
    padding: int = 0


def convolutional_layers(
    inputs: Sequence[int], convolutions: Convolutions, *, hidden: Sequence[int], outputs: int
) -> nn.Sequential:
    """Convolutions with ReLU and pooling, then linear layers with ReLU between them.

    Args:
        inputs: Channels, height and width of an image.
        convolutions: What stands before the linear layers.
        hidden: Width of each hidden linear layer.
        outputs: Number of outputs.

    Raises:
        LowlandError: Images that the convolutions leave nothing of.
    """
    layers: list[nn.Module] = []
    depth, height, width = inputs
    (channels, kernel, padding), lost = convolutions, convolutions.kernel - 1 - 2 * convolutions.padding
    for number in channels:
        layers += [nn.Conv2d(depth, number, kernel, padding=padding), nn.ReLU(), nn.MaxPool2d(2)]
        depth, height, width = number, (height - lost) // 2, (width - lost) // 2
        if min(height, width) < 1:
            raise LowlandError(
                f"images of {inputs[1]}x{inputs[2]} pixels are too small for {len(channels)} convolutions of "
                f"{kernel}x{kernel} with pooling; expected larger images or fewer convolutions"
            )
    widths = (depth * height * width, *hidden)
    layers.append(nn.Flatten())
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], outputs))


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
        self.layers = convolutional_layers(inputs, Convolutions(channels, kernel), hidden=hidden, outputs=outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [n, outputs] of images [n, channels, height, width]."""
        # The channels of each pixel side by side: torch pools these several times as fast.
        return self.layers(inputs.to(memory_format=torch.channels_last))
