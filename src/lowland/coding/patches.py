"""Convolutions as matrix products: what each place of an output sees of the inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional


def patches_of(values: Tensor, kernel: Sequence[int], *, stride: Sequence[int], dilation: Sequence[int]) -> Tensor:
    """The patch under the kernel at every place of the output of a convolution over padded inputs.

    Args:
        values: [rows, channels, height, width] or [rows, channels, length], padded.
        kernel: Its size along each axis behind the channels, as all that follows.
        stride: From one place to the next.
        dilation: Between the kernel's own places.

    Returns:
        [rows, channels * taps, places], the taps of a channel side by side.
    """
    if values.ndim == 3:
        values, kernel, stride, dilation = values[:, :, None], (1, *kernel), (1, *stride), (1, *dilation)
    return functional.unfold(values, tuple(kernel), dilation=tuple(dilation), stride=tuple(stride))


def spread_out(values: Tensor, stride: Sequence[int]) -> Tensor:
    """Inputs with zeros between them, over which a transposed convolution is one with step 1 and the kernel reversed.

    Args:
        values: [rows, channels, ...].
        stride: Of the transposed convolution along each axis behind the channels.
    """
    sizes = [(size - 1) * step + 1 for size, step in zip(values.shape[2:], stride, strict=True)]
    wide = values.new_zeros(*values.shape[:2], *sizes)
    places: tuple[Any, ...] = tuple(slice(None, None, step) for step in stride)
    wide[(..., *places)] = values
    return wide
