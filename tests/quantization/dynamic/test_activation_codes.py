"""Codes of activations against the definition, value by value, and where ranges come from."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lowland.quantization.dynamic.activation_codes import code_activations
from lowland.quantization.dynamic.arithmetic import ARITHMETICS

RUNTIMES = ("torchao", "onnxruntime", "litert")
UNIT = np.float32(1)


def coding_of(runtime):
    coding = ARITHMETICS[runtime].activations
    assert coding is not None
    return coding


def by_definition(row: np.ndarray, runtime: str, bits: int) -> np.ndarray:
    """The values that codes stand for, in NumPy's float32, one range for all of them."""
    low, high = min(np.float32(0), row.min()), max(np.float32(0), row.max())
    levels = np.float32(2**bits - 1)
    if runtime == "torchao":
        half = 2 ** (bits - 1)
        scale = max(np.abs(row).max() / (levels / np.float32(2)), np.finfo(np.float32).eps)
        return np.clip(np.rint(row * (UNIT / scale)), -half, half - 1) * scale
    if runtime == "onnxruntime":
        scale = UNIT if low == high else (high - low) / levels
        zero = np.rint(np.clip(-low / scale, 0, levels))
        return (np.clip(np.rint(row / scale) + zero, 0, levels) - zero) * scale
    lowest, highest = np.float32(-(2 ** (bits - 1))), np.float32(2 ** (bits - 1) - 1)
    inverse = UNIT if low == high else levels / (high - low)
    from_low, from_high = lowest - low * inverse, highest - high * inverse
    nearer = from_low if (lowest + low * inverse) + (highest + high * inverse) > 0 else from_high
    zero = np.rint(np.clip(nearer, lowest, highest))
    return (np.clip(np.rint(row * inverse) + zero, lowest, highest) - zero) * (UNIT / inverse)


numbers = st.floats(-1e6, 1e6, width=32).map(lambda x: 0.0 if abs(x) < 1e-30 else x)  # scales are normal numbers
rows = st.lists(numbers, min_size=1, max_size=12)


@pytest.mark.parametrize("bits", [8, 4, 2])
@pytest.mark.parametrize("runtime", RUNTIMES)
@given(row=rows)
def test_one_range_is_coded_as_defined(runtime, bits, row):
    values = np.array(row, np.float32)
    coded = code_activations(torch.tensor(values), coding_of(runtime), bits=bits, row_dims=1)
    with np.errstate(under="ignore"):
        expected = by_definition(values, runtime, bits)
    assert np.array_equal(coded.values().numpy(), expected)
    assert float(coded.codes.max() - coded.codes.min()) < 2**bits


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_rows_or_the_batch_have_a_range(runtime):
    values = torch.randn(5, 7, generator=torch.Generator().manual_seed(0)) * torch.tensor([[1.0], [9], [0.1], [3], [2]])
    together = code_activations(values, coding_of(runtime), bits=8, row_dims=1)
    alone = torch.cat([code_activations(row[None], coding_of(runtime), bits=8, row_dims=1).values() for row in values])
    by_row = ARITHMETICS[runtime].depends_on_batch is False
    assert torch.equal(together.values(), alone) == by_row
    assert together.scale.numel() == (5 if by_row else 1)


def test_a_row_of_a_convolution_is_a_sample():
    values = torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    coded = code_activations(values, coding_of("litert"), bits=8, row_dims=3)
    assert coded.scale.shape == (4, 1, 1, 1)
    flat = code_activations(values.flatten(1), coding_of("litert"), bits=8, row_dims=1)
    assert torch.equal(coded.codes.flatten(1), flat.codes)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_zero_is_exact(runtime):
    values = torch.tensor([[0.0, 0.3, 5.1], [0.0, -2.2, -0.1], [0.0, -1.0, 2.5], [0.0, 0.0, 0.0]])
    coded = code_activations(values, coding_of(runtime), bits=8, row_dims=1)
    assert coded.values()[:, 0].count_nonzero() == 0
    assert coded.values()[3].count_nonzero() == 0 and coded.scale.isfinite().all()


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_what_is_no_number_is_not_hidden(runtime, broken):
    values = torch.tensor([[1.0, broken, 2.0], [1.0, 2.0, 3.0]])
    found = code_activations(values, coding_of(runtime), bits=8, row_dims=1).values()
    assert found[0].isnan().any()
    assert found[1].isfinite().all() != ARITHMETICS[runtime].depends_on_batch
