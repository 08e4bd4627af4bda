from __future__ import annotations

import itertools
import math

import pytest
import torch

from lowland.errors import LowlandError
from lowland.faults.secded import (
    secded_check_bits,
    secded_columns,
    secded_rates,
    secded_residual_rate,
)


def decoded(pattern: tuple[int, ...], columns: list[int]) -> tuple[list[int], bool]:
    """Errors left by the decoder of one word with these flips, and whether it says so."""
    syndrome = 0
    for flip, column in zip(pattern, columns, strict=True):
        syndrome ^= column * flip
    left = list(pattern)
    if sum(pattern) % 2 == 0:
        return left, syndrome != 0
    if syndrome not in columns:
        return left, True
    left[columns.index(syndrome)] ^= 1
    return left, False


@pytest.mark.parametrize("data_bits", [1, 2, 4, 5, 8])
@pytest.mark.parametrize("rate", [0.0, 1e-4, 0.03, 0.5, 0.8, 1.0])
def test_rates_are_those_of_every_pattern_of_flips(data_bits: int, rate: float) -> None:
    columns = secded_columns(data_bits).tolist()
    silent = flagged_wrong = flagged = 0.0
    for pattern in itertools.product((0, 1), repeat=len(columns)):
        chance = math.prod(rate if flip else 1 - rate for flip in pattern)
        left, told = decoded(pattern, columns)
        wrong = chance * sum(left[:data_bits]) / data_bits
        flagged += chance * told
        flagged_wrong += wrong * told
        silent += wrong * (not told)
    found = secded_rates(rate, data_bits=data_bits)
    assert found.silent == pytest.approx(silent, rel=1e-11, abs=1e-300)
    assert found.flagged_wrong == pytest.approx(flagged_wrong, rel=1e-11, abs=1e-300)
    assert found.flagged == pytest.approx(flagged, rel=1e-11, abs=1e-300)


@pytest.mark.parametrize(("data_bits", "check_bits"), [(4, 4), (8, 5), (11, 5), (16, 6), (32, 7), (64, 8), (128, 9)])
def test_check_bits_are_those_of_the_known_codes(data_bits: int, check_bits: int) -> None:
    assert secded_check_bits(data_bits) == check_bits == secded_rates(0.1, data_bits=data_bits).check_bits
    columns = secded_columns(data_bits)
    assert len(columns.unique()) == len(columns) == data_bits + check_bits


@pytest.mark.parametrize("data_bits", [8, 32, 64])
def test_rare_flips_leave_the_double_ones(data_bits: int) -> None:
    total = data_bits + secded_check_bits(data_bits)
    for rate in (1e-6, 1e-9, 1e-12):
        found = secded_rates(rate, data_bits=data_bits)
        assert found.flagged_wrong == pytest.approx((total - 1) * rate**2, rel=1e-3)
        assert found.flagged == pytest.approx(math.comb(total, 2) * rate**2, rel=1e-3)
        kept = secded_residual_rate(rate, data_bits=data_bits)
        assert kept == pytest.approx(found.flagged_wrong, rel=1e-3)
        zeroed = secded_residual_rate(rate, data_bits=data_bits, detected="zeroed", ones_share=0.25)
        assert zeroed == pytest.approx(found.silent + found.flagged / 4)
        # Three flips, of which any pair or the miscorrection may hit a data bit: of the third order.
        assert 0 < found.silent < total**2 * rate**3
    silent = [secded_rates(rate, data_bits=data_bits).silent for rate in (1e-7, 2e-7)]
    assert silent[1] / silent[0] == pytest.approx(8, rel=1e-3)


def test_protection_helps_at_every_rate_that_is_small() -> None:
    rates = torch.logspace(-8, -3, 12).tolist()
    left = [secded_residual_rate(rate, data_bits=64) for rate in rates]
    assert all(after < before for after, before in zip(left, rates, strict=True))
    assert all(lower < higher for lower, higher in itertools.pairwise(left))


def test_impossible_rates_and_words_are_refused() -> None:
    for rate in (-0.1, 1.5, math.nan):
        with pytest.raises(LowlandError, match=r"bit_error_rate is .*; expected 0 to 1"):
            secded_rates(rate, data_bits=8)
    for bits in (0, 257):
        with pytest.raises(LowlandError, match=f"data_bits is {bits}; expected"):
            secded_rates(0.1, data_bits=bits)
    with pytest.raises(LowlandError, match="expected at least 1"):
        secded_columns(0)
    with pytest.raises(LowlandError, match="detected is 'ignored'; expected one of kept, zeroed"):
        secded_residual_rate(0.1, data_bits=8, detected="ignored")  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(LowlandError, match="ones_share is 2"):
        secded_residual_rate(0.1, data_bits=8, ones_share=2)
