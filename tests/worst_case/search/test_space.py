"""Draws meet the budget, and those that spend all leave nothing that could be spent."""

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.randomness import generator
from lowland.worst_case import Budget
from lowland.worst_case.search.space import all_spent, drawn, number_of_policies

CHOICES = (2, 3, 5, 8)


@settings(max_examples=60, deadline=None)
@given(
    mean_bits=st.floats(2, 8),
    elements=st.lists(st.integers(1, 1000), min_size=1, max_size=6),
    goal=st.sampled_from(["worst", "best"]),
    seed=st.integers(0, 1000),
)
def test_every_draw_meets_the_budget_and_can_be_spent(
    mean_bits: float, elements: list[int], goal: str, seed: int
) -> None:
    budget = Budget(CHOICES, mean_bits, tuple(elements), goal=goal)  # type: ignore[arg-type]  # of a strategy
    draws = generator("space", seed)
    equal = torch.full((len(elements), len(CHOICES)), 0.25, dtype=torch.float64)
    widths = drawn(budget, equal, draws)
    assert budget.allows(widths)
    spent = all_spent(budget, widths, draws)
    assert budget.allows(spent)
    sign = 1 if goal == "worst" else -1
    assert all(sign * after <= sign * before for before, after in zip(widths, spent, strict=True))
    for layer, width in enumerate(spent):
        further = [choice for choice in CHOICES if sign * choice < sign * width]
        assert not any(budget.allows([*spent[:layer], choice, *spent[layer + 1 :]]) for choice in further)


def test_draws_are_uniform_over_what_meets_the_budget() -> None:
    budget = Budget((2, 8), 5.0, (1, 1, 1))
    draws, equal = generator("uniform"), torch.full((3, 2), 0.5, dtype=torch.float64)
    counts = Counter(drawn(budget, equal, draws) for _ in range(2000))
    assert set(counts) == set(budget.policies())
    assert all(abs(count / 2000 - 0.25) < 0.04 for count in counts.values())


@pytest.mark.parametrize("goal", ["worst", "best"])
def test_a_budget_that_one_policy_meets_is_met(goal: str) -> None:
    mean = 8.0 if goal == "worst" else 2.0
    budget = Budget((2, 8), mean, (1,) * 16, goal=goal)  # type: ignore[arg-type]  # of a parameter
    equal = torch.full((16, 2), 0.5, dtype=torch.float64)
    assert drawn(budget, equal, generator("tight")) == (int(mean),) * 16


def test_policies_of_a_budget_are_counted_where_they_can_be_listed() -> None:
    budget = Budget((2, 8), 5.0, (1, 1, 1))
    assert number_of_policies(budget) == 4
    assert number_of_policies(Budget((2, 8), 5.0, (1,) * 40)) is None
