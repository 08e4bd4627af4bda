"""Debiased linear CKA against its published formula and its invariances."""

import pytest
import torch

from lowland.errors import LowlandError
from lowland.landscape import linear_cka
from tests.oracles import debiased_cka


@pytest.fixture(scope="module")
def features():
    draws = torch.Generator().manual_seed(2)
    first = torch.randn(60, 7, generator=draws, dtype=torch.float64) + 3
    second = first @ torch.randn(7, 4, generator=draws, dtype=torch.float64)
    return first, second + torch.randn(60, 4, generator=draws, dtype=torch.float64)


def test_published_formula(features):
    first, second = features
    assert linear_cka(first, second).value == pytest.approx(debiased_cka(first, second), rel=1e-9)
    assert linear_cka(second, first).value == pytest.approx(linear_cka(first, second).value, rel=1e-12)


def test_one_for_itself_up_to_rotation_shift_and_scale(features):
    first, second = features
    rotation = torch.linalg.qr(torch.randn(7, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64))[0]
    moved = 0.01 * first @ rotation + 100
    itself = linear_cka(first, moved)
    assert itself.value == pytest.approx(1, abs=1e-9)
    assert itself.standard_error == pytest.approx(0, abs=1e-8)
    assert linear_cka(moved, second).value == pytest.approx(linear_cka(first, second).value, rel=1e-9)


def test_unrelated_features_average_to_zero():
    """The biased estimate of 10 rows and 50 features would be near 0.8."""
    draws = torch.Generator().manual_seed(4)
    values = [
        linear_cka(torch.randn(10, 50, generator=draws), torch.randn(10, 50, generator=draws)).value for _ in range(100)
    ]
    mean = torch.tensor(values).mean().item()
    assert abs(mean) < 4 * torch.tensor(values).std().item() / 10


def test_standard_error_matches_the_spread_over_samples():
    draws = torch.Generator().manual_seed(6)
    mixing = torch.randn(5, 5, generator=draws)
    estimates = []
    for _ in range(50):
        first = torch.randn(400, 5, generator=draws)
        estimates.append(linear_cka(first, first @ mixing + 2 * torch.randn(400, 5, generator=draws)))
    spread = torch.tensor([e.value for e in estimates]).std().item()
    errors = torch.tensor([e.standard_error for e in estimates]).mean().item()
    assert errors == pytest.approx(spread, rel=0.35)


def test_features_of_any_shape(features):
    first, second = features
    assert linear_cka(first[:, :6].reshape(60, 2, 3), second).value == linear_cka(first[:, :6], second).value


def test_failures_are_told(features):
    first, second = features
    assert linear_cka(first, torch.ones(60, 3)).status == "undefined"
    assert linear_cka(first, second * torch.nan).status == "non_finite"
    with pytest.raises(LowlandError, match="got 60 and 59 rows"):
        linear_cka(first, second[1:])
    with pytest.raises(LowlandError, match="at least 5"):
        linear_cka(first[:4], second[:4])
