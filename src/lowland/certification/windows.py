"""Which elements each result of a max-pooling layer is the largest of."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.quantization.graph.pooling_steps import pair


def window_places(layer: nn.Module, shape: Sequence[int]) -> Tensor:
    """Which elements each result of a max-pooling layer is the largest of.

    Args:
        layer: ``nn.MaxPool1d`` or ``nn.MaxPool2d``.
        shape: [channels, ...] of its argument for one row.

    Returns:
        Numbers of elements in the flattened argument [results, window], -1 for places in the margin.
    """
    assert isinstance(layer, nn.MaxPool1d | nn.MaxPool2d)
    results = layer(torch.zeros(1, *shape, dtype=torch.float64)).shape[2:]
    one_dimensional = isinstance(layer, nn.MaxPool1d)

    def sizes(given: int | tuple[int, ...]) -> tuple[int, int]:
        if one_dimensional:
            return (1, given if isinstance(given, int) else given[0])
        return pair(given)

    kernel, stride, dilation = sizes(layer.kernel_size), sizes(layer.stride), sizes(layer.dilation)
    padding = (0, sizes(layer.padding)[1]) if one_dimensional else sizes(layer.padding)
    image = (1, shape[1]) if one_dimensional else (shape[1], shape[2])
    out = (1, results[0]) if one_dimensional else (results[0], results[1])
    index = torch.arange(prod(shape), dtype=torch.float64).reshape(1, shape[0], *image)
    ends = [
        max((out[axis] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1 - image[axis] - padding[axis], 0)
        for axis in (0, 1)
    ]
    padded = functional.pad(index, (padding[1], ends[1], padding[0], ends[0]), value=-1.0)
    rows = torch.arange(out[0]).unsqueeze(1) * stride[0] + torch.arange(kernel[0]) * dilation[0]
    columns = torch.arange(out[1]).unsqueeze(1) * stride[1] + torch.arange(kernel[1]) * dilation[1]
    windows = padded[0][:, rows[:, None, :, None], columns[None, :, None, :]]  # [channels, height, width, kernel...]
    return windows.flatten(3).flatten(0, 2).to(torch.int64)
