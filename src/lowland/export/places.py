"""Which integers of the input every integer of the output is made of: tables of places, the same for all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import torch
from torch import Tensor

from lowland.export.results import Site
from lowland.quantization.graph.operations import patches

NOWHERE = 0
"""The place of padding, which holds the integer 0; places of the input itself count from 1."""


@dataclass(frozen=True)
class Axis:
    """Windows along one axis: window ``w`` sees ``w * stride - padding + offset * dilation`` for every offset.

    Attributes:
        size: Of what is seen.
        windows: How many there are.
        kernel: Number of offsets.
        stride: From one window to the next.
        padding: In front of what is seen.
        dilation: From one offset to the next.
    """

    size: int
    windows: int
    kernel: int
    stride: int
    padding: int
    dilation: int

    def offsets(self, window: int) -> range:
        """The offsets of a window that lie inside."""
        start = window * self.stride - self.padding
        return range(max(0, -(start // self.dilation)), min(self.kernel, -((start - self.size) // self.dilation)))

    def seeing(self, offset: int) -> range:
        """The windows in which an offset lies inside."""
        start = offset * self.dilation - self.padding
        first = max(0, -(start // self.stride))
        return range(first, max(first, min(self.windows, -((start - self.size) // self.stride))))

    def place(self, window: int, offset: int) -> int:
        """What an offset of a window sees."""
        return window * self.stride - self.padding + offset * self.dilation


def axes_of(settings: Mapping[str, Any], seen: Sequence[int], windows: Sequence[int]) -> tuple[Axis, ...]:
    """The axes behind the channels.

    Args:
        settings: ``kernel_size``, ``stride``, ``padding`` and, where it is not 1, ``dilation``, of one number for all
            axes or one each.
        seen: Sizes of what is seen.
        windows: Numbers of windows.
    """
    names = ("kernel_size", "stride", "padding", "dilation")
    columns = [_each(settings.get(name, 1), len(seen)) for name in names]
    return tuple(Axis(*sizes) for sizes in zip(seen, windows, *columns, strict=True))


def _each(value: int | Sequence[int], count: int) -> Sequence[int]:
    """One number for every axis."""
    return [value] * count if isinstance(value, int) else value


def pooling_axes(site: Site[Any]) -> tuple[Axis, ...]:
    """The axes of a pooling step."""
    return axes_of(site.step.arguments, site.inputs[0].shape[1:], site.result.shape[1:])


def places_of_windows(axes: Sequence[Axis], *, repeat: bool) -> Tensor:
    """What each window of a channel sees.

    Args:
        axes: Behind the channels.
        repeat: Whether a place inside is repeated where a window reaches outside; else it is ``NOWHERE``.

    Returns:
        int64 [positions, offsets], places counted from 1.
    """
    lines = []
    for window in product(*(range(axis.windows) for axis in axes)):
        line = []
        for offset in product(*(range(axis.kernel) for axis in axes)):
            each = list(zip(axes, window, offset, strict=True))
            inside = all(part in axis.offsets(index) for axis, index, part in each)
            place = 0
            for axis, index, part in each:
                place = place * axis.size + axis.place(index, part)
            line.append(1 + place if inside else NOWHERE)
        first = next(place for place in line if place != NOWHERE)
        lines.append([place or first for place in line] if repeat else line)
    return torch.tensor(lines)


def places_of_layer(kind: str, sizes: Mapping[str, Any], shape: Sequence[int]) -> Tensor:
    """What each product of a convolution, transposed or not, sees: the layer is then a product of matrices.

    Args:
        kind: Of the layer.
        sizes: What ``geometry`` says of it.
        shape: Of a row of its input.

    Returns:
        int64 [groups, positions, fan_in], to be multiplied with ``weight_matrices``; places counted from 1.
    """
    numbered = torch.arange(1, prod(shape) + 1, dtype=torch.float64).reshape(1, *shape)
    return patches(kind, sizes, numbered).to(torch.int64)


def places_moved(site: Site[Any]) -> Tensor:
    """Where the integers of a step that only moves them come from.

    Returns:
        int64 in the shape of a row of the result; places count through all inputs, one behind the other.
    """
    numbered, start = [], 1
    for value in site.inputs:
        numbered.append(torch.arange(start, start + value.size).reshape(1, *value.shape))
        start += value.size
    moved: Tensor = site.step.integer(*numbered)
    return moved[0]


def places_averaged(site: Site[Any]) -> Tensor:
    """Which integers each mean is the sum of: int64 [means, integers]."""
    (value,) = site.inputs
    dims = sorted(dim % (1 + len(value.shape)) for dim in site.step.arguments["dims"])
    numbered = torch.arange(1, 1 + value.size).reshape(1, *value.shape)
    return numbered.movedim(dims, list(range(-len(dims), 0))).reshape(site.result.size, -1)


def places_spread(shape: Sequence[int], result: Sequence[int]) -> Tensor:
    """Where the integers of an operand come from that is broadcast to the shape of the result, both without rows."""
    return torch.arange(1, 1 + prod(shape)).reshape(1, *shape).expand(1, *result)[0]


def in_order(places: Tensor) -> bool:
    """Whether places are those of the input, one behind the other."""
    flat = places.flatten()
    return bool((flat == torch.arange(1, 1 + len(flat))).all())
