from __future__ import annotations

import pytest
import torch

from lowland.quantization.graph.pooling_steps import AvgPool2d, MaxPool1d, MaxPool2d


def codes(*shape: int) -> torch.Tensor:
    return torch.randint(-(2**40), 2**40, shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_the_largest_code_of_every_window(ceil_mode: bool) -> None:
    step = MaxPool2d("1", ("0",), kernel_size=[3, 2], stride=2, padding=1, dilation=1, ceil_mode=ceil_mode)
    values = codes(2, 3, 6, 5)
    result = step.integer(values)
    assert result.dtype == torch.int64
    for i in range(result.shape[2]):
        for j in range(result.shape[3]):
            rows, columns = slice(max(2 * i - 1, 0), 2 * i + 2), slice(max(2 * j - 1, 0), 2 * j + 1)
            assert torch.equal(result[:, :, i, j], values[:, :, rows, columns].amax((2, 3)))
    assert torch.equal(step(values.double()).long(), result)


@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), ([3, 2], [1, 2]), (2, 3)])
def test_windows_without_padding_are_those_of_torch(kernel: int | list[int], stride: int | list[int]) -> None:
    step = MaxPool2d("1", ("0",), kernel_size=kernel, stride=stride, padding=0, dilation=1, ceil_mode=False)
    values = codes(2, 3, 7, 8).float()
    values[0, 0, 3, 3] = torch.nan
    expected = torch.nn.functional.max_pool2d(values, kernel, stride)
    torch.testing.assert_close(step(values), expected, rtol=0, atol=0, equal_nan=True)


def test_lines_have_windows_too() -> None:
    step = MaxPool1d("1", ("0",), kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
    values = codes(2, 3, 6)
    assert torch.equal(step.integer(values), values.unflatten(2, (3, 2)).amax(-1))


def test_averages_are_sums_at_a_smaller_scale() -> None:
    settings = {"stride": [1, 2], "padding": [1, 0], "ceil_mode": False, "count_include_pad": True}
    step = AvgPool2d("1", ("0",), kernel_size=[2, 3], **settings, divisor_override=None)
    values = codes(2, 3, 4, 7)
    sums = step.integer(values)
    assert sums.dtype == torch.int64 and sums.shape == (2, 3, 5, 3)
    for i in range(5):
        for j in range(3):
            window = values[:, :, max(i - 1, 0) : i + 1, 2 * j : 2 * j + 3]
            assert torch.equal(sums[:, :, i, j], window.sum((2, 3)))
    scale = torch.tensor(0.3, dtype=torch.float64)
    torch.testing.assert_close(step(values * scale), sums * step.result_scale(scale), rtol=1e-12, atol=0)
