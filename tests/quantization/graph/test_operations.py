from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.quantization.graph.operations import (
    fan_in,
    geometry,
    operation,
    patches,
    weight_matrices,
    weight_shape,
    weighted_kind,
)

SIZES = st.tuples(st.integers(1, 3), st.integers(1, 3))


def outputs_by_products(layer: nn.Module, values: Tensor) -> Tensor:
    """The layer's outputs without bias as matrix products, [rows, channels, positions]."""
    kind, sizes = weighted_kind(layer), geometry(layer)
    assert kind is not None
    products = patches(kind, sizes, values) @ weight_matrices(kind, sizes, layer.weight).mT
    return products.unflatten(1, (len(values), -1)).permute(1, 0, 3, 2).flatten(1, 2)


def check(layer: nn.Module, values: Tensor) -> None:
    kind, sizes = weighted_kind(layer), geometry(layer)
    assert kind is not None and weight_shape(kind, sizes) == layer.weight.shape
    outputs = operation(kind, sizes)(values, layer.weight, layer.bias)
    assert torch.equal(outputs, layer(values))
    without = operation(kind, sizes)(values, layer.weight, None)
    torch.testing.assert_close(outputs_by_products(layer, values), without.flatten(2))
    assert weight_matrices(kind, sizes, layer.weight).shape[-1] == fan_in(kind, sizes)


@settings(max_examples=30, deadline=None)
@given(SIZES, SIZES, SIZES, SIZES, st.integers(1, 2), st.booleans(), st.data())
def test_every_layer_is_a_matrix_product_of_its_patches(
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
    groups: int,
    transposed: bool,
    data: st.DataObject,
) -> None:
    common = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups, "dtype": torch.float64}
    values = torch.randn(2, 2 * groups, 8, 7, dtype=torch.float64)
    if transposed:
        extra = tuple(data.draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
        check(nn.ConvTranspose2d(2 * groups, 3 * groups, kernel, output_padding=extra, **common), values)
    else:
        check(nn.Conv2d(2 * groups, 3 * groups, kernel, **common), values)


def test_lines_and_vectors_are_matrix_products_too() -> None:
    check(nn.Conv1d(4, 6, 3, stride=2, padding=1, dilation=2, groups=2), torch.randn(3, 4, 9))
    linear = nn.Linear(4, 3, bias=False)
    values = torch.randn(5, 4)
    torch.testing.assert_close(outputs_by_products(linear, values)[..., 0], linear(values))


@pytest.mark.parametrize(("padding", "expected"), [("same", [2, 1]), ("valid", [0, 0])])
def test_padding_by_name_becomes_numbers(padding: str, expected: list[int]) -> None:
    layer = nn.Conv2d(1, 2, 3, padding=padding, dilation=(2, 1))
    assert geometry(layer)["padding"] == expected
    check(layer, torch.randn(2, 1, 6, 6))


def test_other_padding_is_refused() -> None:
    with pytest.raises(LowlandError, match=r"padding_mode of .* is 'reflect'; expected 'zeros'"):
        geometry(nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"))
    with pytest.raises(LowlandError, match=r"'same' of .* is not symmetric; expected kernels of odd size"):
        geometry(nn.Conv1d(1, 1, 2, padding="same"))
    with pytest.raises(LowlandError, match="layer is ReLU; expected one with weights: linear, conv1d"):
        geometry(nn.ReLU())
