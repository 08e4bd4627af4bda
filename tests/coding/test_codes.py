from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.coding.codes import code_range, signed_width, smallest_dtype


@settings(deadline=None)
@given(st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=8))
def test_signed_width_is_the_smallest_that_holds_all_codes(codes: list[int]) -> None:
    bits = signed_width(torch.tensor(codes))
    lowest, highest = code_range(bits, signed=True)
    assert lowest <= min(codes) and max(codes) <= highest
    lowest, highest = code_range(bits - 1, signed=True) if bits > 1 else (0, -1)
    assert not (lowest <= min(codes) and max(codes) <= highest)


@pytest.mark.parametrize(("bits", "dtype"), [(2, torch.int8), (8, torch.int8), (9, torch.int16), (17, torch.int32)])
def test_smallest_dtype_holds_the_range(bits: int, dtype: torch.dtype) -> None:
    assert smallest_dtype(bits) == dtype
    assert torch.iinfo(dtype).min <= code_range(bits, signed=True)[0]


def test_words_beyond_32_bits_are_stored_in_64() -> None:
    assert smallest_dtype(33) == torch.int64


def test_ranges() -> None:
    assert code_range(4, signed=True) == (-8, 7)
    assert code_range(4, signed=False) == (0, 15)
