"""A factor and a shift a channel: a batch-norm that no layer can take, or constants that multiply."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def affine(values: Tensor, weight: Tensor, bias: Tensor | None, *, dim: int) -> Tensor:
    """Values times weight plus bias, channel by channel.

    Args:
        values: [samples, ...] with the channels along ``dim``.
        weight: [channels], or [1] for all channels.
        bias: Likewise, or ``None``.
        dim: Dimension of the channels, counted from the last one (-1).
    """
    shape = (-1, *[1] * (-1 - dim))
    products = values * weight.reshape(shape)
    return products if bias is None else products + bias.reshape(shape)


class Affine(nn.Module):
    """Every channel times a number of its own, plus another one.

    Args:
        num_channels: Size of the dimension, or 1: the same numbers for all channels.
        dim: Dimension of the channels, counted from the last one: -1 for features, -3 for [channels, height, width].
        bias: Whether something is added.
        device: Where the parameters are made.

    Raises:
        ValueError: A dimension that is counted from the first one.
    """

    def __init__(
        self, num_channels: int, *, dim: int = -1, bias: bool = True, device: torch.device | str | None = None
    ) -> None:
        super().__init__()
        if dim >= 0:
            raise ValueError(f"dim is {dim}; expected one counted from the last: -1 for features, -3 before images")
        self.num_channels = num_channels
        self.dim = dim
        self.weight = nn.Parameter(torch.ones(num_channels, device=device))
        self.bias = nn.Parameter(torch.zeros(num_channels, device=device)) if bias else None

    def forward(self, values: Tensor) -> Tensor:
        """Floats of the values' shape.

        Args:
            values: [samples, ...] with the channels along ``dim``.
        """
        return affine(values, self.weight, self.bias, dim=self.dim)
