"""Two one-sided tests against the t distribution, and how often they err."""

import math

import pytest
import torch
from scipy import stats

from lowland.errors import LowlandError
from lowland.worst_case.students import equivalence_of_means


def test_it_is_the_larger_of_two_one_sided_tests() -> None:
    draws = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 400, generator=draws, dtype=torch.float64) * 0.1
    apart = first - second
    scale = float(apart.std()) / math.sqrt(400)
    lower, upper = (float(apart.mean()) + 0.01) / scale, (float(apart.mean()) - 0.01) / scale
    expected = max(stats.t.sf(lower, 399), stats.t.cdf(upper, 399))
    assert math.isclose(equivalence_of_means(first, second).value, expected, rel_tol=1e-9)


def test_equal_answers_are_equivalent_and_answers_a_margin_apart_seldom_are() -> None:
    draws = torch.Generator().manual_seed(1)
    right = (torch.rand(2000, generator=draws) < 0.8).double()
    assert equivalence_of_means(right, right).value == 0
    called = 0
    for _ in range(400):
        first, second = torch.randn(2, 100, generator=draws, dtype=torch.float64) * 0.01
        called += equivalence_of_means(first + 0.01, second).value < 0.05
    assert 8 <= called <= 34  # 5 % of 400, as the margin is the truth


def test_what_cannot_be_compared_is_refused_or_undefined() -> None:
    with pytest.raises(LowlandError, match="expected the same"):
        equivalence_of_means(torch.ones(3), torch.ones(4))
    with pytest.raises(LowlandError, match="margin is 0"):
        equivalence_of_means(torch.ones(3), torch.ones(3), margin=0)
    assert equivalence_of_means(torch.ones(1), torch.ones(1)).status == "undefined"
