"""Separable convolutions: each channel by itself, then all of them pixel by pixel."""

from __future__ import annotations

from torch import nn


def normed_convolution(
    before: int, channels: int, kernel: int | tuple[int, int], *, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    """A convolution with batch normalisation and ReLU, padded by half its kernel.

    Args:
        before: Channels of the inputs.
        channels: Of the outputs.
        kernel: Pixels of a side, or of both sides, of the filters.
        stride: Pixels from one place of the filters to the next.
        groups: Of channels that are read apart.
    """
    sides = (kernel, kernel) if isinstance(kernel, int) else kernel
    padding = (sides[0] // 2, sides[1] // 2)
    convolution = nn.Conv2d(before, channels, sides, stride=stride, padding=padding, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(channels), nn.ReLU()]


def separable_convolution(before: int, channels: int, *, stride: int = 1) -> list[nn.Module]:
    """A depthwise convolution of 3 x 3 and one of 1 x 1, each with batch normalisation and ReLU.

    Args:
        before: Channels of the inputs.
        channels: Of the outputs.
        stride: Of the depthwise convolution.

    Source: Howard et al. 2017 (arXiv 1704.04861).
    """
    depthwise = normed_convolution(before, before, 3, stride=stride, groups=before)
    return [*depthwise, *normed_convolution(before, channels, 1)]
