"""Convolutions of codes: any stride, padding by zeros, dilation and groups."""

from __future__ import annotations

from lowland.quantization.graph.weighted_step import Weighted


class Conv1d(Weighted):
    """accumulator = W * codes + b over [samples, channels, length]."""

    kind = "conv1d"


class Conv2d(Weighted):
    """accumulator = W * codes + b over [samples, channels, height, width]."""

    kind = "conv2d"


class ConvTranspose1d(Weighted):
    """The transposed convolution over [samples, channels, length], each code spread by the weights."""

    kind = "conv_transpose1d"


class ConvTranspose2d(Weighted):
    """The transposed convolution over [samples, channels, height, width], each code spread by the weights."""

    kind = "conv_transpose2d"
