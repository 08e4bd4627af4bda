"""Steps without tensors, against loops over single numbers."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.quantization.graph.joining_steps import Add, Concat, Multiply
from lowland.quantization.graph.moving_steps import Pad, Permute, Reshape, Slice, Upsample
from lowland.quantization.graph.pooling_steps import AvgPool1d
from lowland.quantization.graph.scaling_steps import Mean, Rescale

SCALE = torch.tensor(0.3, dtype=torch.float64)


def codes(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(-(2**25), 2**25, shape, generator=torch.Generator().manual_seed(seed))


def check(step, *values: Tensor, scales: tuple[Tensor, ...] | None = None) -> Tensor:
    """Integers, which must be the carried ones and, times their scale, the floats."""
    scales = (SCALE,) * len(values) if scales is None else scales
    result = step.integer(*values)
    assert result.dtype == torch.int64
    assert torch.equal(step.carried(*(value.double() for value in values)).long(), result)
    floats = [value * scale for value, scale in zip(values, scales, strict=True)]
    expected = result * step.result_scale(*scales)
    torch.testing.assert_close(step(*floats), expected, rtol=1e-12, atol=1e-6)
    assert torch.equal(step.dequantized()(*floats), step(*floats))
    again = type(step).empty(step.name, step.inputs, **step.settings())
    assert again.spec() == step.spec() and torch.equal(again.integer(*values), result)
    return result


def test_sums_are_exact_where_floats_of_32_bits_would_not_be() -> None:
    values = [codes(3, 4, seed=seed) for seed in range(3)]
    assert torch.equal(check(Add("s", ("a", "b", "c")), *values), values[0] + values[1] + values[2])
    odd = torch.tensor([[2**24 - 1.0]])
    carried = Add("s", ("a", "b")).carried(odd, torch.full_like(odd, 2))
    assert int(carried) == 2**24 + 1


def test_sums_and_products_are_broadcast() -> None:
    wide, narrow = codes(2, 3, 4), codes(2, 3, 1, seed=1)
    assert torch.equal(check(Add("s", ("a", "b")), wide, narrow), wide + narrow)
    other = torch.tensor(0.07, dtype=torch.float64)
    found = check(Multiply("p", ("a", "b")), wide, narrow, scales=(SCALE, other))
    for i, j, k in product(range(2), range(3), range(4)):
        assert int(found[i, j, k]) == int(wide[i, j, k]) * int(narrow[i, j, 0])
    assert Multiply("p", ("a", "b")).result_scale(SCALE, other) == SCALE * other


def test_results_stand_side_by_side() -> None:
    first, second = codes(2, 3, 2), codes(2, 1, 2, seed=1)
    found = check(Concat("c", ("a", "b"), dim=1), first, second)
    assert found.shape == (2, 4, 2) and torch.equal(found[:, :3], first) and torch.equal(found[:, 3:], second)


@pytest.mark.parametrize("factor", [-0.25, 3.0])
def test_a_multiple_keeps_the_integers(factor: float) -> None:
    values = codes(2, 3)
    assert torch.equal(check(Rescale("r", ("a",), factor=factor), values), values if factor > 0 else -values)


@pytest.mark.parametrize("factor", [0.0, float("nan"), float("inf")])
def test_no_multiple_by_nothing(factor: float) -> None:
    with pytest.raises(LowlandError, match=r"factor of step 'r' is .*; expected a finite number other than 0"):
        Rescale("r", ("a",), factor=factor)


@pytest.mark.parametrize("keepdim", [False, True])
def test_means_are_sums_at_a_smaller_scale(keepdim: bool) -> None:
    values = codes(2, 3, 4, 5)
    found = check(Mean("m", ("a",), dims=[2, -1], keepdim=keepdim, count=20), values)
    for i, j in product(range(2), range(3)):
        assert int(found[i, j].sum()) == sum(values[i, j].flatten().tolist())
    with pytest.raises(LowlandError, match=r"step 'm' got values of shape \(2, 3, 4, 5\); expected 4 numbers"):
        Mean("m", ("a",), dims=[2, 3], count=4).integer(values)


@pytest.mark.parametrize("keepdim", [False, True])
def test_means_within_channels_keep_the_channels_scales(keepdim: bool) -> None:
    scales = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)[:, None, None]
    check(Mean("m", ("a",), dims=[-2, -1], keepdim=keepdim, count=20), codes(2, 3, 4, 5), scales=(scales,))
    for dims in ([-3], [1]):
        with pytest.raises(LowlandError, match=r"step 'm' averages over dimension .* one scale a channel"):
            Mean("m", ("a",), dims=dims, count=3).result_scale(scales)


@pytest.mark.parametrize("size", [2, [2]])
def test_lines_are_averaged(size: int | list[int]) -> None:
    settings = {"stride": size, "padding": 1, "ceil_mode": False, "count_include_pad": True}
    step = AvgPool1d("p", ("a",), kernel_size=size, **settings)
    values = codes(2, 3, 4)
    sums = step.integer(values)
    assert sums.shape == (2, 3, 3)
    for i in range(3):
        assert torch.equal(sums[:, :, i], values[:, :, max(2 * i - 1, 0) : 2 * i + 1].sum(-1))
    torch.testing.assert_close(step(values * SCALE), sums * step.result_scale(SCALE), rtol=1e-12, atol=0)


def test_shapes_and_orders() -> None:
    values = codes(2, 3, 4)
    assert torch.equal(check(Reshape("r", ("a",), shape=[2, -1]), values), values.view(2, 2, 6))
    found = check(Permute("p", ("a",), dims=[0, 2, 1]), values)
    assert all(int(found[i, k, j]) == int(values[i, j, k]) for i, j, k in product(range(2), range(3), range(4)))
    with pytest.raises(LowlandError, match=r"dims of step 'p' are \[1, 0, 2\]; expected rows \(0\) first"):
        Permute("p", ("a",), dims=[1, 0, 2])


def test_parts() -> None:
    values = codes(2, 3, 7)
    assert torch.equal(check(Slice("s", ("a",), dim=-1, start=1, stop=-1, step=2), values), values[:, :, 1:-1:2])
    assert torch.equal(check(Slice("s", ("a",), dim=1, stop=2), values), values[:, :2])
    assert torch.equal(check(Slice("s", ("a",), dim=1, index=-1), values), values[:, 2])
    for wrong in ({"dim": 0, "start": 1}, {"dim": 1, "index": 0, "stop": 1}, {"dim": 1, "step": -1}):
        with pytest.raises(LowlandError, match=r"step 's' takes dim .*; expected a dimension behind the rows"):
            Slice("s", ("a",), **wrong)


def test_margins_are_zeros() -> None:
    values = codes(2, 3, 2, 2)
    found = check(Pad("m", ("a",), pad=[1, 0, 0, 2]), values)
    assert found.shape == (2, 3, 4, 3) and torch.equal(found[:, :, :2, 1:], values)
    assert int(found.abs().sum()) == int(values.abs().sum())


def test_pictures_grow() -> None:
    values = codes(2, 3, 2, 3)
    found = check(Upsample("u", ("a",), factors=[2, 3]), values)
    assert torch.equal(found.double(), functional.interpolate(values.double(), scale_factor=(2, 3)))


@pytest.mark.parametrize(
    "step",
    [
        Concat("x", ("a", "b"), dim=1),
        Reshape("x", ("a",), shape=[-1]),
        Permute("x", ("a",), dims=[0, 2, 1]),
        Slice("x", ("a",), dim=1, index=0),
        Pad("x", ("a",), pad=[0, 0, 0, 0, 1, 1]),
        Upsample("x", ("a",), factors=[2, 2, 2]),
    ],
    ids=lambda step: step.kind,
)
def test_integers_of_different_size_do_not_move(step) -> None:
    with pytest.raises(LowlandError, match=r"step 'x' .* one scale a channel; expected one scale: requantize"):
        step.result_scale(*(torch.ones(3, 1, 1),) * len(step.inputs))


def test_margins_and_repetitions_within_channels_keep_their_scales() -> None:
    scales = torch.tensor([0.1, 0.2, 0.3])[:, None, None]
    assert torch.equal(Pad("x", ("a",), pad=[1, 1, 1, 1]).result_scale(scales), scales)
    assert torch.equal(Upsample("x", ("a",), factors=[2, 2]).result_scale(scales), scales)
