"""Patches times kernels against torch's own convolutions."""

import pytest
import torch
from torch.nn import functional

from lowland.coding.patches import patches_of, spread_out

VALUES = {1: torch.randn(3, 4, 11, dtype=torch.float64), 2: torch.randn(3, 4, 9, 8, dtype=torch.float64)}


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("stride, dilation", [(1, 1), (2, 1), (1, 2), (3, 2)])
def test_patches_times_kernels_are_a_convolution(axes, stride, dilation):
    values, kernels = VALUES[axes], torch.randn(5, 4, *(3, 2)[:axes], dtype=torch.float64)
    convolve = (functional.conv1d, functional.conv2d)[axes - 1]
    expected = convolve(values, kernels, stride=stride, dilation=dilation)
    found = patches_of(values, kernels.shape[2:], stride=(stride,) * axes, dilation=(dilation,) * axes)
    assert found.shape == (3, kernels[0].numel(), expected[0, 0].numel())
    torch.testing.assert_close(kernels.flatten(1) @ found, expected.flatten(2))


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_a_transposed_convolution_is_one_over_spread_inputs(axes, stride):
    values, kernels = VALUES[axes], torch.randn(4, 5, *(3, 2)[:axes], dtype=torch.float64)
    transpose = (functional.conv_transpose1d, functional.conv_transpose2d)[axes - 1]
    expected = transpose(values, kernels, stride=stride)
    pads = [end for size in reversed(kernels.shape[2:]) for end in (size - 1, size - 1)]
    wide = functional.pad(spread_out(values, (stride,) * axes), pads)
    reversed_kernels = kernels.transpose(0, 1).flip(tuple(range(2, 2 + axes)))
    found = patches_of(wide, kernels.shape[2:], stride=(1,) * axes, dilation=(1,) * axes)
    torch.testing.assert_close(reversed_kernels.flatten(1) @ found, expected.flatten(2))
