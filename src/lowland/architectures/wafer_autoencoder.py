"""The autoencoder of the ECON-T ASIC."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any

from torch import Tensor, nn


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
