from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lowland.coding.codes import code_range
from lowland.quantization.graph.convolution_steps import Conv1d, Conv2d, ConvTranspose2d
from lowland.quantization.graph.operations import fan_in, num_channels, patches, weight_matrices, weight_shape
from lowland.quantization.graph.weighted_step import EXACT_BITS, Weighted

MOVES = {"stride": [2, 1], "padding": [1, 0], "dilation": [1, 2], "groups": 2}
SIZES = {
    Conv1d: {"in_channels": 4, "out_channels": 6, "kernel_size": [3], "stride": [2], "padding": [1], "dilation": [2]}
    | {"groups": 2},
    Conv2d: {"in_channels": 4, "out_channels": 6, "kernel_size": [3, 2], **MOVES},
    ConvTranspose2d: {"in_channels": 4, "out_channels": 6, "kernel_size": [3, 2], **MOVES, "output_padding": [1, 0]},
}
SHAPES = {Conv1d: (3, 4, 9), Conv2d: (3, 4, 5, 6), ConvTranspose2d: (3, 4, 5, 6)}


def drawn(shape: tuple[int, ...], bits: int, *, seed: int) -> Tensor:
    lowest, highest = code_range(bits, signed=True)
    return torch.randint(lowest, highest + 1, shape, generator=torch.Generator().manual_seed(seed))


def step(kind: type[Weighted], bits: int, accumulator_bits: int, weight: Tensor | None = None) -> Weighted:
    sizes = SIZES[kind]
    return kind(
        "0",
        ("inputs",),
        sizes=sizes,
        weight=drawn(weight_shape(kind.kind, sizes), bits, seed=1) if weight is None else weight,
        weight_bits=bits,
        weight_scale=torch.tensor(0.5),
        bias=drawn((num_channels(kind.kind, sizes),), 2 * bits, seed=2),
        bias_bits=2 * bits,
        output_scale=torch.tensor(0.25),
        accumulator_bits=accumulator_bits,
    )


def by_products(layer: Weighted, codes: Tensor) -> Tensor:
    """Accumulators by an int64 matrix product of patches, [rows, channels, positions]."""
    pieces = patches(layer.kind, layer.sizes, codes.double()).to(torch.int64)  # codes are exact in float64
    products = pieces @ weight_matrices(layer.kind, layer.sizes, layer.weight).to(torch.int64).mT
    sums = products.unflatten(1, (len(codes), -1)).permute(1, 0, 3, 2).flatten(1, 2)
    assert layer.bias is not None
    return sums + layer.bias[:, None]


@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize("bits", [2, 8, 16])
def test_both_ways_to_integers_agree_with_a_matrix_product(kind: type[Weighted], bits: int) -> None:
    codes = drawn(SHAPES[kind], bits, seed=3)
    by_floats, by_integers = step(kind, bits, EXACT_BITS), step(kind, bits, EXACT_BITS + 1)
    expected = by_products(by_floats, codes)
    for layer in (by_floats, by_integers):
        result = layer.integer(codes)
        assert result.dtype == torch.int64
        assert torch.equal(result.flatten(2), expected)


@pytest.mark.parametrize("kind", SIZES)
def test_integers_beyond_the_mantissa_of_floats_are_exact_too(kind: type[Weighted]) -> None:
    layer, codes = step(kind, 28, 62), drawn(SHAPES[kind], 28, seed=3)
    assert torch.equal(layer.integer(codes).flatten(2), by_products(layer, codes))


@pytest.mark.parametrize("kind", SIZES)
def test_no_output_sums_more_products_than_the_fan_in(kind: type[Weighted]) -> None:
    """All codes and weights at their largest size, as after unlucky flips."""
    bits, sizes = 8, SIZES[kind]
    lowest, _ = code_range(bits, signed=True)
    layer = step(kind, bits, 32, torch.full(weight_shape(kind.kind, sizes), lowest))
    sums = layer.integer(torch.full(SHAPES[kind], lowest)) - layer.bias.reshape(-1, *[1] * (len(SHAPES[kind]) - 2))
    assert int(sums.max()) <= fan_in(kind.kind, sizes) * lowest**2
    if kind is not ConvTranspose2d:  # there windows of steps overlap only in part
        assert int(sums.max()) == fan_in(kind.kind, sizes) * lowest**2


@pytest.mark.parametrize("kind", SIZES)
def test_floats_are_codes_times_their_scale(kind: type[Weighted]) -> None:
    layer, codes = step(kind, 4, 32), drawn(SHAPES[kind], 4, seed=3)
    assert torch.equal(layer(codes * 0.5), layer.integer(codes) * 0.25)  # dyadic scales: no rounding
    plain = layer.dequantized()
    assert torch.equal(plain(codes * 0.5), layer(codes * 0.5))
    assert type(plain).__module__.startswith("torch.nn")


def test_changed_codes_leave_everything_else_shared() -> None:
    layer = step(Conv2d, 4, 32)
    other = layer.with_codes({"weight": -layer.weight})
    assert type(other) is Conv2d and torch.equal(other.weight, -layer.weight)
    assert other.bias is layer.bias and other.settings() == layer.settings()
