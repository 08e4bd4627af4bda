"""Cutting a question in two proves what bounds leave open, and nothing that is wrong."""

import pytest
import torch
from torch import nn

from lowland.certification import InputBox, MethodOptions, Query
from lowland.certification.margins import margin_bounds
from lowland.certification.relaxation import enclose, smallest
from lowland.certification.relaxation.branching import positive_by_branching
from lowland.certification.relaxation.deviation_bounds import margin_objectives
from tests.certification.networks import perceptron
from tests.certification.relaxation.networks import dense, made

EPSILON = 0.15


def _shifted(network, inputs, share):
    """The question whether a margin is positive whose least value is a share of what bounds leave open."""
    query = Query.of(network, inputs, EPSILON)
    assigned = (network(query.inputs.center.float())[:, 0] > 0).long()
    objective = margin_objectives(query, assigned)
    least = float(margin_bounds(query, 0, MethodOptions(), least_only=True).least[0])
    gap = least - float(smallest(enclose(query, "crown"), objective))
    sign = float(objective[0, 0, 0])
    with torch.no_grad():
        network[-1].bias -= sign * (least - share * gap)
    moved = Query.of(network, inputs, EPSILON)
    if share > 0:
        assert gap > 1e-3 and smallest(enclose(moved, "crown"), objective) < 0  # bounds alone do not see it
    return moved, objective[:, 0]


def _network(seed):
    network = perceptron(seed, (2, 8, 6, 1))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= 1.5
    return network


@pytest.mark.parametrize("half", [0.0, 0.5], ids=["signs of ReLUs are cut", "boxes of inputs are cut"])
@pytest.mark.parametrize("seed", range(3))
def test_what_bounds_leave_open_is_proved_and_nothing_that_is_wrong(seed, half):
    center = torch.randn(1, 2, generator=torch.Generator().manual_seed(seed))
    inputs = InputBox(center - half, center + half)
    query, objective = _shifted(_network(seed), inputs, 0.4)
    assert positive_by_branching(query, torch.zeros(1), objective, MethodOptions(), parts=150, steps=8)[0]
    query, objective = _shifted(_network(seed), inputs, -0.1)
    assert not positive_by_branching(query, torch.zeros(1), objective, MethodOptions(), parts=20, steps=2)[0]


def test_a_timeout_leaves_everything_unproved():
    query = made(dense, nn.ReLU(), 1)
    rows, objectives = torch.zeros(1), torch.ones(1, 2, dtype=torch.float64)
    assert not positive_by_branching(query, rows, objectives, MethodOptions(timeout=1e-9))[0]
