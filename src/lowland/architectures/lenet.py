"""LeNet-1 and LeNet-5 with ReLU and pooling by maximum, for images of any size from 4 x 4 pixels on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from lowland.architectures.cnn import Convolutions, convolutional_layers

KERNEL = 5
PADDING = 2  # images keep their size until they are pooled, so that small ones can be read, too


class _LeNet(nn.Module):
    """Two convolutions of 5 x 5, each with ReLU and a maximum over 2 x 2 pixels; then linear layers."""

    kind: ClassVar[str]
    channels: ClassVar[tuple[int, ...]]
    hidden: ClassVar[tuple[int, ...]]

    def __init__(self, *, inputs: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.spec: dict[str, Any] = {"kind": self.kind, "inputs": list(inputs), "outputs": outputs}
        convolutions = Convolutions(tuple(self.channels), KERNEL, PADDING)
        self.layers = convolutional_layers(inputs, convolutions, hidden=self.hidden, outputs=outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [n, outputs] of images [n, channels, height, width]."""
        return self.layers(inputs)


class LeNet1(_LeNet):
    """LeNet-1: convolutions of 4 and 12 channels, one linear layer.

    Args:
        inputs: Channels, height and width of an image; sides of at least 4 pixels.
        outputs: Number of outputs.

    Raises:
        LowlandError: Images that pooling leaves nothing of.

    Source: LeCun et al. 1989 (Neural Computation 1, 541), with ReLU, padding and pooling by maximum as in DeepXplore
    (arXiv 1705.06640).
    """

    kind = "lenet1"
    channels = (4, 12)
    hidden = ()


class LeNet5(_LeNet):
    """LeNet-5: convolutions of 6 and 16 channels, linear layers of 120 and 84 units and one more.

    Args:
        inputs: Channels, height and width of an image; sides of at least 4 pixels.
        outputs: Number of outputs.

    Raises:
        LowlandError: Images that pooling leaves nothing of.

    Source: LeCun et al. 1998 (Proceedings of the IEEE 86, 2278), with ReLU, padding and pooling by maximum as in
    DeepXplore (arXiv 1705.06640).
    """

    kind = "lenet5"
    channels = (6, 16)
    hidden = (120, 84)
