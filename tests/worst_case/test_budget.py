"""What a budget counts, and what it refuses."""

import itertools

import pytest
import torch

from lowland.errors import LowlandError
from lowland.worst_case import Budget


@pytest.mark.parametrize("goal", ["worst", "best"])
def test_policies_are_those_that_meet_the_mean(goal: str) -> None:
    budget = Budget((2, 4, 8), 5.0, (3, 1, 2), goal=goal)  # type: ignore[arg-type]  # of a parameter
    everything = list(itertools.product((2, 4, 8), repeat=3))
    means = [(3 * a + b + 2 * c) / 6 for a, b, c in everything]
    expected = [
        bits for bits, mean in zip(everything, means, strict=True) if (mean >= 5 if goal == "worst" else mean <= 5)
    ]
    assert list(budget.policies()) == expected
    assert [budget.allows(bits) for bits in everything] == [bits in expected for bits in everything]
    assert budget.met(torch.tensor(everything)).tolist() == [bits in expected for bits in everything]
    assert budget.mean(torch.tensor(everything)).tolist() == [budget.spent(bits) for bits in everything] == means


@pytest.mark.parametrize(
    ("choices", "mean", "elements", "message"),
    [
        ((2, 4), 5.0, (1,), "mean_bits is 5.0; expected a number from 2 to 4"),
        ((), 5.0, (1,), "choices are"),
        ((4, 2), 3.0, (1,), "rising"),
        ((1, 4), 3.0, (1,), "2 to 8 bits"),
        ((2, 16), 3.0, (1,), "2 to 8 bits"),
        ((2, 4), 3.0, (), "elements are"),
    ],
)
def test_what_nobody_can_meet_is_refused(
    choices: tuple[int, ...], mean: float, elements: tuple[int, ...], message: str
) -> None:
    with pytest.raises(LowlandError, match=message):
        Budget(choices, mean, elements)
