"""Values coded apart: the parts against a slow loop, layers against the runtime's own arithmetic."""

import math

import pytest
import torch
from torch import nn

from lowland.errors import LowlandError
from lowland.quantization.dynamic.arithmetic import ARITHMETICS, arithmetic_of
from lowland.quantization.dynamic.layers import CodedLayer, Widths
from lowland.quantization.dynamic.outliers import outliers_of, parted


def slow(row, share):
    """The largest magnitudes of a list, the first of equal ones."""
    count = math.ceil(share * len(row))
    order = sorted(range(len(row)), key=lambda place: (-abs(row[place]), place))[:count]
    return [0.0 if place in order else value for place, value in enumerate(row)], [
        value if place in order else 0.0 for place, value in enumerate(row)
    ]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9])
@pytest.mark.parametrize("row_dims, shape", [(1, (4, 7)), (1, (2, 3, 5)), (3, (3, 2, 2, 3)), (2, (4, 6))])
def test_the_largest_of_every_row_are_apart(share, row_dims, shape):
    values = torch.randn(shape, generator=torch.Generator().manual_seed(1)).round(decimals=1)  # ties among them
    rest, outliers = parted(values, share, row_dims=row_dims)
    rows = values.reshape(-1, math.prod(shape[-row_dims:]))
    expected = [slow(row, share) for row in rows.tolist()]
    assert torch.equal(rest.reshape(rows.shape), torch.tensor([each for each, _ in expected]))
    assert torch.equal(outliers.reshape(rows.shape), torch.tensor([each for _, each in expected]))
    assert torch.equal(rest + outliers, values)


def test_nothing_is_parted_at_a_share_of_0():
    values = torch.randn(3, 4)
    assert parted(values, 0.0, row_dims=1)[0] is values
    assert [outliers_of(16, share) for share in (0, 0.01, 1 / 16, 0.5)] == [0, 1, 1, 8]


@pytest.mark.parametrize("share", [-0.1, 1.0, math.nan])
def test_other_shares_are_refused(share):
    with pytest.raises(LowlandError, match="outlier share is"):
        outliers_of(4, share)


@pytest.mark.parametrize("runtime", [name for name in ARITHMETICS if name != "onnxruntime_no_vnni"])
@pytest.mark.parametrize("kind", ["linear", "conv2d"])
def test_a_layer_adds_what_both_parts_give(runtime, kind):
    arithmetic = arithmetic_of(runtime)
    if kind not in arithmetic.layers:
        return
    torch.manual_seed(0)
    plain = nn.Linear(9, 4) if kind == "linear" else nn.Conv2d(2, 3, 3)
    layer = CodedLayer(plain, kind, arithmetic, Widths(8, 8), per_channel=False)
    values = torch.randn(5, 9) if kind == "linear" else torch.randn(5, 2, 5, 5)
    values.view(5, -1)[:, 0] *= 100
    rest, outliers = parted(values, 0.1, row_dims=1 if kind == "linear" else 3)
    both = layer(rest, 3, outliers=outliers)
    bias = layer.bias if kind == "linear" else layer.bias[:, None, None]
    assert torch.allclose(both, layer(rest, 3) + layer(outliers, 8) - bias, rtol=1e-5, atol=1e-5)
    assert torch.equal(layer(values, 3), layer(values, 3, outliers=torch.zeros_like(values)))
    error = (both - plain(values)).abs().mean()
    assert error < (layer(values, 3) - plain(values)).abs().mean() / 3  # one number no longer drowns the others


def test_derivatives_are_those_of_the_whole_layer():
    torch.manual_seed(0)
    layer = CodedLayer(nn.Linear(6, 2), "linear", arithmetic_of("litert"), Widths(8, 8), per_channel=True)
    values = torch.randn(3, 6, requires_grad=True)
    rest, outliers = parted(values, 0.2, row_dims=1)
    layer(rest, 4, outliers=outliers).sum().backward()
    assert torch.allclose(values.grad, layer.float_weight().sum(0).expand(3, -1))
