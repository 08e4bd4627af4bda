"""Constants that are added, as whole numbers of binary fractions of an accumulator step."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.quantization.readers.flow import NotInteger
from lowland.quantization.readers.summands import MOST_FRACTION_BITS, summand_codes


def test_nothing_added_needs_no_codes() -> None:
    assert summand_codes(torch.zeros(3).double(), torch.tensor(0.1).double(), 100) == (None, 0)


@pytest.mark.parametrize("places", [0, 1, 5])
def test_as_few_places_as_are_needed(places: int) -> None:
    shift = torch.tensor([3.0, -7.0, 2.0**-places]).double() * 0.37
    codes, fraction = summand_codes(shift, torch.tensor(0.37).double(), 100)
    assert fraction == places
    assert codes is not None and codes.tolist() == [3 * 2**places, -7 * 2**places, 1]


def test_biases_that_float32_has_multiplied_are_whole_numbers_again() -> None:
    scale = torch.tensor(0.0123)
    whole = torch.tensor([2_000_003, -17, 0])
    codes, fraction = summand_codes((whole.float() * scale).double(), scale.double() * (1 + 1e-8), 100)
    assert fraction == 0 and codes is not None and torch.equal(codes, whole)


@settings(deadline=None)
@given(
    st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=8),
    st.floats(1e-3, 1e3),
    st.integers(4, 40),
)
def test_sums_pass_whole_numbers_where_the_real_ones_do(shifts: list[float], step: float, width: int) -> None:
    """The error is at most 2^-17 of a step, or float32's own, or half of the last place that there is room for."""
    shift = torch.tensor(shifts, dtype=torch.float64)
    try:
        codes, fraction = summand_codes(shift, torch.tensor(step, dtype=torch.float64), 2**width)
    except NotInteger:
        assert (shift.abs() / step).max() * 2**MOST_FRACTION_BITS > 2**40
        return
    found = torch.zeros_like(shift) if codes is None else codes.double() / 2**fraction
    room = max(0, 37 - (width + 1))
    allowed = (shift.abs() / step * 2**-22).clamp_min(2.0 ** -(min(MOST_FRACTION_BITS, room) + 1))
    assert bool(((found - shift / step).abs() <= allowed * (1 + 1e-9)).all())


def test_what_no_word_holds_is_refused() -> None:
    with pytest.raises(NotInteger, match=r"adds up to 1e\+20 steps of its accumulators"):
        summand_codes(torch.tensor([1e20]).double(), torch.tensor(1.0).double(), 100)
