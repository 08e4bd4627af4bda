"""What branch and bound proves holds, and what is no number proves nothing."""

import pytest
import torch
from torch import nn

from lowland.certification import InputBox, MethodOptions, Query
from lowland.certification.confidence import assigned_classes
from lowland.certification.relaxation import branching
from lowland.certification.relaxation.branching import positive_by_branching
from lowland.certification.relaxation.deviation_bounds import margin_objectives
from tests.certification.networks import perceptron
from tests.certification.relaxation.networks import draws

OPTIONS = MethodOptions()


def proved(query):
    """Whether each margin of the first row is proved to stay above 0, and their factors."""
    assigned = assigned_classes(query.network(query.inputs.center))
    objectives = margin_objectives(query, assigned)[0]
    rows = torch.zeros(len(objectives), dtype=torch.int64)
    return positive_by_branching(query, rows, objectives, OPTIONS), objectives


@pytest.mark.parametrize("radius", [0.0, 0.2])
@pytest.mark.parametrize("seed", range(3))
def test_margins_that_are_proved_positive_are_so_everywhere(seed, radius):
    x = torch.randn(1, 2, generator=torch.Generator().manual_seed(seed))
    query = Query.of(perceptron(seed, (2, 4, 3)), InputBox(x - radius, x + radius), 0.1)
    positive, objectives = proved(query)
    lowest = torch.full((2,), torch.inf, dtype=torch.float64)
    for values in draws(query, 300):
        lowest = lowest.minimum(objectives @ values[query.network.output.name][0])
    assert bool((lowest[positive] > 0).all())


def test_bounds_that_are_no_numbers_prove_nothing(monkeypatch):
    query = Query.of(perceptron(0, (2, 4, 2)), torch.randn(1, 2), 0.1)
    sound = branching.tuned_smallest

    def overflowing(*arguments, **options):
        bounds, coefficients = sound(*arguments, **options)
        return torch.full_like(bounds, torch.nan), coefficients

    monkeypatch.setattr(branching, "tuned_smallest", overflowing)
    assert not bool(proved(query)[0].any())


def test_relu_of_the_inputs_themselves_is_not_cut():
    model = nn.Sequential(nn.ReLU(), nn.Linear(20, 2)).eval()
    x = torch.randn(1, 20, generator=torch.Generator().manual_seed(0))
    assert not bool(proved(Query.of(model, InputBox(x - 2, x + 2), 0.02))[0].any())
