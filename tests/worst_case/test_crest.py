"""Crest factors against their definition, and of rows of zeros."""

import pytest
import torch

from lowland.worst_case.crest import crest_factor


def test_it_is_the_largest_over_the_root_mean_square() -> None:
    values = torch.tensor([[3.0, -4.0, 0.0, 0.0], [1.0, 1.0, -1.0, 1.0], [0.0, 0.0, 0.0, 0.0], [0.0, 5.0, 0.0, 0.0]])
    assert crest_factor(values.reshape(4, 2, 2)).tolist() == pytest.approx([4 / 2.5, 1.0, 0.0, 2.0])


def test_its_unit_does_not_matter() -> None:
    values = torch.randn(9, 7, generator=torch.Generator().manual_seed(0)).double()
    assert torch.allclose(crest_factor(values * 1e-150), crest_factor(values))
