"""Two one-sided score tests of paired shares: against the likelihood itself, large samples, and how often they err."""

import math

import pytest
import torch
from scipy import stats

from lowland.errors import LowlandError
from lowland.worst_case.students import equivalence_of_shares, equivalence_p


def answers(only_first: int, only_second: int, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Right on all rows but those on which the other one alone is."""
    numbers = torch.arange(rows)
    return numbers >= only_second, (numbers < only_second) | (numbers >= only_second + only_first)


@pytest.mark.parametrize(("b", "c", "n"), [(3, 5, 200), (0, 4, 120), (4, 0, 120), (40, 31, 2000)])
def test_the_share_is_the_likeliest_were_the_difference_the_margin(b: int, c: int, n: int) -> None:
    shares = torch.linspace(0, 0.2, 200_001, dtype=torch.float64)[1:]
    scores = []
    for more, less in ((b, c), (c, b)):
        likelihood = more * (shares + 0.01).log() + less * shares.log() + (n - b - c) * (0.99 - 2 * shares).log()
        q = float(shares[likelihood.argmax()])
        scores.append((more - less - n * 0.01) / math.sqrt(n * (2 * q + 0.01 - 0.01**2)))
    assert equivalence_p(b, c, n) == pytest.approx(stats.norm.cdf(max(scores)), abs=1e-4)


def test_no_row_that_differs_is_no_proof_where_rows_are_few() -> None:
    for n in (50, 250, 5000):
        right = torch.rand(n, generator=torch.Generator().manual_seed(0)) < 0.9
        expected = stats.norm.cdf(-math.sqrt(n * 0.01 / 0.99))
        assert equivalence_of_shares(right, right).value == pytest.approx(expected)
        assert (expected < 0.05) == (n == 5000)


def test_of_many_rows_it_is_the_test_of_means() -> None:
    first, second = answers(900, 840, 20_000)
    apart = (first.double() - second.double()).numpy()
    assert (first.sum(), second.sum()) == (20_000 - 840, 20_000 - 900)
    upper = stats.ttest_1samp(apart, 0.01, alternative="less").pvalue
    assert equivalence_of_shares(first, second).value == pytest.approx(upper, rel=0.05)
    assert equivalence_of_shares(second, first).value == equivalence_of_shares(first, second).value


def test_networks_a_margin_apart_are_seldom_called_equal() -> None:
    """Also where few answers differ: exactly, by summing over all that may be seen."""
    for n, differ in ((300, 0.01), (300, 0.02), (1000, 0.03)):
        called = 0.0
        for seen in range(60):
            total = stats.binom.pmf(seen, n, differ)
            for more in range(seen + 1):
                chance = stats.binom.pmf(more, seen, (differ + 0.01) / (2 * differ))
                called += total * chance * (equivalence_p(more, seen - more, n) < 0.05)
        assert called <= 0.06


def test_what_cannot_be_compared_is_refused_or_undefined() -> None:
    right = torch.ones(3, dtype=torch.bool)
    with pytest.raises(LowlandError, match="expected the same"):
        equivalence_of_shares(right, torch.ones(4, dtype=torch.bool))
    for margin in (0, 1):
        with pytest.raises(LowlandError, match=f"margin is {margin}"):
            equivalence_of_shares(right, right, margin=margin)
    assert equivalence_of_shares(right[:0], right[:0]).status == "undefined"
