"""Pooling of codes and accumulators."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor
from torch.nn import functional

from lowland.quantization.layer_step import LayerStep


class MaxPool2d(LayerStep):
    """The largest code of each window over [rows, channels, height, width]."""

    kind = "max_pool2d"

    def integer(self, codes: Tensor) -> Tensor:
        """Largest codes (int64): float64 holds every code, and nothing is computed with them."""
        return self.layer(codes.to(torch.float64)).to(torch.int64)


class MaxPool1d(MaxPool2d):
    """The largest code of each window over [rows, channels, length]."""

    kind = "max_pool1d"


class AvgPool2d(LayerStep):
    """The mean of each window over [rows, channels, height, width]: the sum of its codes at a smaller scale."""

    kind = "avg_pool2d"

    def integer(self, codes: Tensor) -> Tensor:
        """Sums (int64) of each window."""
        kernel, stride, padding = (pair(self.arguments[name]) for name in ("kernel_size", "stride", "padding"))
        padded = functional.pad(codes, (padding[1], padding[1], padding[0], padding[0]))
        return padded.unfold(-2, kernel[0], stride[0]).unfold(-2, kernel[1], stride[1]).sum((-2, -1))

    def result_scale(self, scale: Tensor) -> Tensor:
        """The sum's step size: that of the codes divided by their number."""
        return scale / prod(pair(self.arguments["kernel_size"]))


def pair(size: int | Sequence[int]) -> tuple[int, int]:
    """Height and width from one number for both, or from two."""
    return (size, size) if isinstance(size, int) else (size[0], size[1])
