"""Float networks that rebuild themselves from a recipe of plain values."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.randomness import Key, seed_of


class MLP(nn.Module):
    """Linear layers with ReLU between them.

    Args:
        inputs: Number of features.
        hidden: Width of each hidden layer.
        outputs: Number of outputs.
    """

    def __init__(self, *, inputs: int, hidden: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.spec: dict[str, Any] = {"kind": "mlp", "inputs": inputs, "hidden": list(hidden), "outputs": outputs}
        layers: list[nn.Module] = []
        for before, after in pairwise((inputs, *hidden)):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear((inputs, *hidden)[-1], outputs))

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [n, outputs] of inputs [n, inputs]."""
        return self.layers(inputs)


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


class WaferAutoencoder(nn.Module):
    """The ECON-T autoencoder: an image of a wafer, a short code, an image again.

    The encoder is what the ASIC computes; the decoder starts with the code's ReLU, which is computed with it in float.

    Args:
        side: Pixels along an edge of the image, even.
        filters: Filters of the encoder's convolution and of the decoder's hidden one; the published network has 8.
        latent: Numbers that the code has; 16.
        initial_output: What every pixel shows before training, above 0 and below 1; None: about a half, as published.

    Source: Di Guglielmo et al. 2021, arXiv 2105.01683; layers as in Vis4SciML/loss_landscape_taxonomy
    (``q_autoencoder.py``), the code of arXiv 2502.08355.
    """

    def __init__(self, *, side: int, filters: int, latent: int, initial_output: float | None) -> None:
        super().__init__()
        self.spec: dict[str, Any] = {
            "kind": "wafer_autoencoder",
            "side": side,
            "filters": filters,
            "latent": latent,
            "initial_output": initial_output,
        }
        half = side // 2
        encoder = nn.Sequential(
            nn.Conv2d(1, filters, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(filters * half * half, latent),
        )
        last = nn.ConvTranspose2d(filters, 1, 3, padding=1)
        if initial_output is not None and last.bias is not None:
            nn.init.constant_(last.bias, math.log(initial_output / (1 - initial_output)))
        decoder = nn.Sequential(
            nn.ReLU(),
            nn.Linear(latent, filters * half * half),
            nn.ReLU(),
            nn.Unflatten(1, (filters, half, half)),
            nn.ConvTranspose2d(filters, filters, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            last,
            nn.Sigmoid(),
            nn.Flatten(),
        )
        self.layers = nn.Sequential(OrderedDict(encoder=encoder, decoder=decoder))

    def forward(self, inputs: Tensor) -> Tensor:
        """Pixels [n, side²] of images [n, 1, side, side]."""
        return self.layers(inputs)


NETWORKS: dict[str, Callable[..., nn.Module]] = {"mlp": MLP, "cnn": CNN, "wafer_autoencoder": WaferAutoencoder}


def build_network(spec: dict[str, Any]) -> nn.Module:
    """A freshly initialised network from its recipe.

    Raises:
        LowlandError: An unknown kind of network.
    """
    arguments = dict(spec)
    kind = arguments.pop("kind", None)
    if kind not in NETWORKS:
        raise LowlandError(f"network kind is {kind!r}; expected one of {', '.join(NETWORKS)}")
    return NETWORKS[kind](**arguments)


def initialised_network(spec: dict[str, Any], *, key: tuple[Key, ...]) -> nn.Module:
    """A network with weights drawn by a key, leaving torch's global generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(*key, "initialisation"))
        return build_network(spec)
