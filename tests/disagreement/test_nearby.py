"""The distance between two sets of probabilities, and what cannot be compared."""

import math

import pytest
import torch

from lowland.disagreement.nearby import nearby_distance
from lowland.errors import LowlandError


def test_it_is_the_total_variation_distance() -> None:
    first = torch.tensor([[0.5, 0.3, 0.2], [1.0, 1e-9, 1e-9], [0.4, 0.3, 0.3]]).log()
    second = torch.tensor([[0.2, 0.3, 0.5], [1e-9, 1.0, 1e-9], [0.4, 0.3, 0.3]]).log()
    assert nearby_distance(first, second).tolist() == pytest.approx([0.3, 1.0, 0.0], abs=1e-6)
    assert torch.equal(nearby_distance(first, second), nearby_distance(second, first))


def test_rows_that_are_not_finite_have_none() -> None:
    found = nearby_distance(torch.tensor([[1.0, math.inf], [0.0, 1.0]]), torch.zeros(2, 2))
    assert math.isnan(found[0]) and found[1] > 0


def test_other_rows_are_refused() -> None:
    with pytest.raises(LowlandError, match=r"nearby has shape \[3, 2\]; expected that of logits, \[2, 2\]"):
        nearby_distance(torch.zeros(2, 2), torch.zeros(3, 2))
