from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.certification.deployed import margins, ranked
from lowland.errors import LowlandError
from tests.quantization.networks import integer_network, rows


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_the_area_counts_pairs_and_half_of_ties(pairs: list[tuple[int, bool]]) -> None:
    numbers = torch.tensor([float(number) for number, _ in pairs])
    safe = torch.tensor([is_safe for _, is_safe in pairs])
    found = ranked(numbers, safe)
    above, below = numbers[safe], numbers[~safe]
    if not len(above) or not len(below):
        assert math.isnan(found.auroc) and math.isnan(found.lower) and found.num_safe + found.num_unsafe == len(pairs)
        return
    wins = (above[:, None] > below).double() + 0.5 * (above[:, None] == below)
    assert found.auroc == pytest.approx(float(wins.mean()))
    assert 0 <= found.lower <= found.auroc + 1e-9 and found.auroc - 1e-9 <= found.upper <= 1


def test_the_interval_covers_a_known_area() -> None:
    """Normal numbers one standard deviation apart."""
    truth = 0.5 * (1 + math.erf(1 / 2))
    draws = torch.Generator().manual_seed(0)
    covered = 0
    for _ in range(300):
        safe = torch.arange(60) < 25
        numbers = torch.randn(60, generator=draws) + safe
        found = ranked(numbers, safe)
        covered += found.lower <= truth <= found.upper
    assert 0.92 <= covered / 300 <= 0.99


def test_a_perfect_predictor_has_an_interval_with_an_extent() -> None:
    found = ranked(torch.arange(20.0), torch.arange(20) >= 10)
    assert found.auroc == found.upper == 1 and 0.7 < found.lower < 0.95
    worst = ranked(-torch.arange(20.0), torch.arange(20) >= 10)
    assert worst.auroc == worst.lower == 0 and worst.upper == pytest.approx(1 - found.lower)


def test_margins_are_those_of_the_deployed_outputs() -> None:
    network, (inputs, _) = integer_network(8), rows(20)
    outputs = network.deployed_outputs(inputs).double().sort(1).values
    torch.testing.assert_close(margins(network, inputs), outputs[:, -1] - outputs[:, -2])


def test_mistakes() -> None:
    with pytest.raises(LowlandError, match=r"numbers have shape \(2,\) for \(3,\) rows"):
        ranked(torch.zeros(2), torch.ones(3, dtype=torch.bool))
    with pytest.raises(LowlandError, match="expected one finite number a row"):
        ranked(torch.tensor([math.nan, 1.0]), torch.ones(2, dtype=torch.bool))
