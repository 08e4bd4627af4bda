"""The temperature that a network's outputs need."""

import pytest
import torch

from lowland.disagreement import fitted_temperature
from lowland.randomness import generator


def drawn(temperature, rows, key):
    """Outputs that are too sure by a known factor, and the classes that nature draws."""
    g = generator("temperature", key)
    logits = 2 * torch.randn(rows, 5, generator=g).double()
    targets = logits.softmax(1).multinomial(1, generator=g).squeeze(1)
    return logits * temperature, targets


@pytest.mark.parametrize("truth", [0.5, 1.0, 3.0])
def test_the_true_temperature_is_found_with_an_honest_error(truth):
    found = [fitted_temperature(*drawn(truth, 500, key)) for key in range(60)]
    scaled = torch.tensor([(each.value - truth) / each.standard_error for each in found])
    assert all(each.status == "ok" for each in found)
    assert abs(float(scaled.mean())) < 0.5 and 0.75 < float(scaled.std()) < 1.3


def test_it_is_where_the_cross_entropy_is_lowest():
    logits, targets = drawn(2.0, 200, "lowest")
    best = fitted_temperature(logits, targets).value
    losses = [torch.nn.functional.cross_entropy(logits / t, targets) for t in (0.99 * best, best, 1.01 * best)]
    assert losses[1] < losses[0] and losses[1] < losses[2]


def test_rows_without_an_optimum_are_told():
    logits = torch.eye(3).repeat(4, 1)
    assert fitted_temperature(logits, logits.argmax(1)).status == "not_converged"
    assert fitted_temperature(logits * torch.nan, logits.argmax(1)).status == "non_finite"
