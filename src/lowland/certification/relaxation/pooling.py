"""Max-pooling: the largest of each window."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.certification.real_network import Operation
from lowland.certification.relaxation.enclosure import Enclosure
from lowland.certification.relaxation.interval import Interval, roundoff
from lowland.quantization.graph.pooling_steps import pair


def maximum_interval(enclosure: Enclosure, operation: Operation) -> Interval:
    """The largest lower end and the largest upper end of each window: exact."""
    (values,) = enclosure.operands(operation)
    return Interval(operation.layer(values.lower), operation.layer(values.upper))


def maximum_pull(enclosure: Enclosure, operation: Operation, coefficients: Tensor) -> tuple[list[Tensor], Tensor]:
    """The largest of a window is no less than any of it, and no more than a sum of chords.

    With m the highest lower end in the window and h* the element that has it, max(h) >= h*. From above, max(h) is at
    most h* plus the sum of max(h_i - m, 0) over the others, each below its chord over [l_i, u_i]; where the highest
    upper end is less than this in the middle, it is taken instead. Windows whose largest element is sure are exact.

    Args:
        enclosure: Intervals of what comes before.
        operation: The pooling layer.
        coefficients: A [rows or 1, objectives, *shape].

    Returns:
        Coefficients of h, and the constant [rows, objectives].
    """
    (values,) = enclosure.operands(operation)
    places = window_places(operation.layer, values.lower.shape[1:])  # [results, window], -1 outside
    inside = places >= 0
    chosen = places.clamp(min=0)
    lower = values.lower.flatten(1)[:, chosen].masked_fill(~inside, -torch.inf)
    upper = values.upper.flatten(1)[:, chosen].masked_fill(~inside, -torch.inf)
    floor, best = lower.max(-1)  # [rows, results]
    is_best = functional.one_hot(best, places.shape[1]).bool()
    reaches = (upper > floor.unsqueeze(-1)) & ~is_best
    span = torch.where(reaches, upper - lower, 1.0)
    rise = torch.where(reaches, (upper - floor.unsqueeze(-1)) / span, 0.0)
    low = torch.where(reaches, lower, 0.0)
    top = upper.amax(-1)
    best_middle = (lower.gather(-1, best.unsqueeze(-1)) + upper.gather(-1, best.unsqueeze(-1))).squeeze(-1) / 2
    chords = best_middle + (rise * span / 2).sum(-1)
    flat = chords > top
    weights = torch.where(flat.unsqueeze(-1), 0.0, rise + is_best)
    share = roundoff(coefficients.shape[2:].numel() + places.shape[1])
    size = torch.where(inside, torch.maximum(lower.abs(), upper.abs()), 0.0)
    slack = share * ((weights * size).sum(-1) + size.amax(-1))
    intercept = torch.where(flat, top, -(rise * low).sum(-1)) + slack

    flat_coefficients = coefficients.flatten(2)
    positive, negative = flat_coefficients.clamp(min=0), flat_coefficients.clamp(max=0)
    rows, objectives = len(values.lower), coefficients.shape[1]
    pulled = positive.new_zeros(rows, objectives, values.lower[0].numel())
    for place in range(places.shape[1]):
        share_of = positive * (is_best[..., place]).unsqueeze(1) + negative * weights[..., place].unsqueeze(1)
        pulled.index_add_(2, chosen[:, place], share_of * inside[:, place])
    constant = (negative * intercept.unsqueeze(1)).sum(-1)
    # Elements of overlapping windows are summed.
    sizes = values.size.flatten(1).unsqueeze(1)
    constant = constant - share * _spread(positive - negative, is_best | (weights != 0), sizes, chosen, inside)
    return [pulled.unflatten(2, values.lower.shape[1:])], constant


def _spread(amounts: Tensor, used: Tensor, sizes: Tensor, chosen: Tensor, inside: Tensor) -> Tensor:
    """The sum of the sizes of all products of a pull."""
    total = torch.zeros(1, dtype=amounts.dtype)
    for place in range(chosen.shape[1]):
        taken = (used[..., place] & inside[:, place]).unsqueeze(1) * sizes[..., chosen[:, place]]
        total = total + (amounts * taken).sum(-1)
    return total


def window_places(layer: nn.Module, shape: torch.Size) -> Tensor:
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
