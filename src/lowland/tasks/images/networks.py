"""The networks that tell images apart, with what of them can be chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ImageNetwork:
    """A network for images.

    Attributes:
        label: In a sentence; ``{depth}`` stands for its layers.
        width: Channels by which the others are counted, as published; None: nothing can be chosen.
        channels: What a sentence says of its channels, with a place for each of ``factors``.
        factors: Channels that are named, over the width.
        depth: Layers as published, where they can be chosen.
    """

    label: str
    width: int | None = None
    channels: str = ""
    factors: tuple[int, ...] = ()
    depth: int | None = None

    def sizes(self, width: int | None, depth: int | None) -> dict[str, int]:
        """What the network is built with: the width and depth that are asked for, or else those published.

        Args:
            width: None: as published.
            depth: Likewise.
        """
        asked = {"width": (width, self.width), "depth": (depth, self.depth)}
        return {name: own or published for name, (own, published) in asked.items() if published is not None}

    def described(self, sizes: dict[str, Any]) -> str:
        """The network in a sentence.

        Args:
            sizes: As ``sizes`` gives them.
        """
        label = self.label.format(**sizes)
        if not self.factors:
            return label
        return f"{label} with {self.channels.format(*(factor * sizes['width'] for factor in self.factors))}"


IMAGE_NETWORKS: dict[str, ImageNetwork] = {
    "lenet1": ImageNetwork("LeNet-1"),
    "lenet5": ImageNetwork("LeNet-5"),
    "nin": ImageNetwork("NiN", 192, "{} channels", (1,)),
    "resnet8": ImageNetwork("ResNet-8", 16, "{}, {} and {} channels", (1, 2, 4)),
    "resnet20": ImageNetwork("ResNet-20", 16, "{}, {} and {} channels", (1, 2, 4)),
    "resnet50": ImageNetwork("ResNet-50", 64, "{} to {} channels", (4, 32)),
    "densenet": ImageNetwork("DenseNet-{depth}", 12, "{} channels a layer", (1,), depth=40),
    "mobilenet": ImageNetwork("MobileNet-V1", 8, "{} to {} channels", (1, 32)),
    "ds_cnn": ImageNetwork("DS-CNN", 64, "{} channels", (1,)),
}
"""By the name that options have."""
