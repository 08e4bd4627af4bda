"""Pooling of codes and accumulators."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import prod

import torch
from torch import Tensor
from torch.nn import functional

from lowland.quantization.graph.layer_step import LayerStep


class MaxPool1d(LayerStep):
    """The largest code of each window over [samples, channels, length]."""

    kind = "max_pool1d"

    def integer(self, codes: Tensor) -> Tensor:
        """Largest codes (int64): float64 holds every code, and nothing is computed with them."""
        return self(codes.to(torch.float64)).to(torch.int64)


class MaxPool2d(MaxPool1d):
    """The largest code of each window over [samples, channels, height, width]."""

    kind = "max_pool2d"

    def forward(self, values: Tensor) -> Tensor:
        """The layer on floats [samples, ...]: first along columns, then along rows, ten times as fast as torch."""
        arguments = self.arguments
        plain = pair(arguments["padding"]) == (0, 0) and pair(arguments["dilation"]) == (1, 1)
        if not plain or arguments["ceil_mode"]:
            return self.layer(values)
        for dim, size, step in zip((-2, -1), pair(arguments["kernel_size"]), pair(arguments["stride"]), strict=True):
            windows = values.unfold(dim, size, step).unbind(-1)
            values = reduce(torch.maximum, windows)
        return values


class AvgPool1d(LayerStep):
    """The mean of each window over [samples, channels, length]: the sum of its codes at a smaller scale."""

    kind = "avg_pool1d"

    def integer(self, codes: Tensor) -> Tensor:
        """Sums (int64) of each window."""
        kernel, stride, padding = (_single(self.arguments[name]) for name in ("kernel_size", "stride", "padding"))
        return functional.pad(codes, (padding, padding)).unfold(-1, kernel, stride).sum(-1)

    def result_scale(self, scale: Tensor) -> Tensor:
        """The sum's step size: that of the codes divided by their number."""
        return scale / self.window

    @property
    def window(self) -> int:
        """How many codes are averaged."""
        return _single(self.arguments["kernel_size"])


class AvgPool2d(LayerStep):
    """The mean of each window over [samples, channels, height, width]: the sum of its codes at a smaller scale."""

    kind = "avg_pool2d"

    def integer(self, codes: Tensor) -> Tensor:
        """Sums (int64) of each window."""
        kernel, stride, padding = (pair(self.arguments[name]) for name in ("kernel_size", "stride", "padding"))
        padded = functional.pad(codes, (padding[1], padding[1], padding[0], padding[0]))
        return padded.unfold(-2, kernel[0], stride[0]).unfold(-2, kernel[1], stride[1]).sum((-2, -1))

    def result_scale(self, scale: Tensor) -> Tensor:
        """The sum's step size: that of the codes divided by their number."""
        return scale / self.window

    @property
    def window(self) -> int:
        """How many codes are averaged."""
        return prod(pair(self.arguments["kernel_size"]))


def pair(size: int | Sequence[int]) -> tuple[int, int]:
    """Height and width from one number for both, or from two."""
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _single(size: int | Sequence[int]) -> int:
    """The size of a line, given as a number or as a list of one."""
    return size if isinstance(size, int) else size[0]
