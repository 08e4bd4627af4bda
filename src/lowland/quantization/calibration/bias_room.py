"""Scales of weights at which the bias of their layer has a code."""

from __future__ import annotations

from torch import Tensor

from lowland.errors import LowlandError
from lowland.quantization.fake_quantized.grid import Grid
from lowland.quantization.precision import BIAS_BITS

WIDEST_BITS = 43
"""Width of the widest bias code that calibration makes; beside it 16-bit activations still fit into 64-bit products."""


def with_room_for_bias(threshold: Tensor, grid: Grid, bias: Tensor, scale: Tensor) -> Tensor:
    """The threshold of a layer's weights, raised where the bias would need a code of more than ``WIDEST_BITS`` bits.

    A bias is stored in steps of weight scale * input scale, so that it can be too large for its word where the weights
    are tiny beside it (1e-5 beside 1 at 16 bits). A wider scale rounds such weights more coarsely, by at most 2^-43 of
    the bias a step of the input, which float32 would round away beside the bias as well. Refusing them would leave the
    user with advice that need not work: with weights of 1e-30 no width is small enough.

    Args:
        threshold: Scale times the number of codes on a side, in the shape of the scale.
        grid: Of the weights.
        bias: [channels].
        scale: Step size of the layer's inputs, scalar.

    Returns:
        The threshold itself where there is room.
    """
    sizes = bias.abs().reshape(grid.scale.shape) if grid.scale.ndim else bias.abs().max()
    return threshold.maximum(sizes / scale / 2 ** (WIDEST_BITS - 1) * grid.highest)


def check_bias(name: str, bias: Tensor, scale: Tensor) -> None:
    """Refuse a bias that training has moved out of its word.

    Args:
        name: Of the layer.
        bias: [channels].
        scale: Step size of the accumulators, scalar or [channels].

    Raises:
        LowlandError: Its code would saturate.
    """
    largest = float((bias.double() / scale.double()).abs().max())
    if largest > 2 ** (BIAS_BITS - 1) - 1:
        raise LowlandError(
            f"{name}.bias has codes up to {largest:.2g}; expected at most {2 ** (BIAS_BITS - 1) - 1:.2g} ({BIAS_BITS} "
            "bits): call calibrate(quantized, inputs) again, which gives its weights a wider scale"
        )
