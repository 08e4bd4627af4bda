"""Ends of values: never wider than intervals, and around every value that a member of the box takes."""

import numpy as np
import pytest
import torch

from lowland.certification import InputBox, MethodOptions, Query
from lowland.certification.disturbances import disturbed_outputs
from lowland.certification.encoding.encode import encoded_row
from lowland.certification.encoding.scalar_network import ranges
from lowland.certification.encoding.substitution import substituted_ends
from lowland.certification.sampling import best_disturbance
from tests.certification.networks import ACTIVATIONS, Skipping, corners, perceptron


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("radius", [0.0, 0.4])
@pytest.mark.parametrize("seed", range(4))
def test_ends_are_tighter_than_intervals_and_hold_for_members(seed, radius, activation):
    model = perceptron(seed, (2, 4, 3, 2), activation)
    x = torch.randn(1, 2).double() * 0.3
    query = Query.of(model, InputBox(x - radius, x + radius), 0.1)
    encoded = encoded_row(query, 0)
    ends, wide = substituted_ends(encoded.network), encoded.network
    assert (ends.lower >= wide.lower - 1e-8).all() and (ends.upper <= wide.upper + 1e-8).all()
    _, member = best_disturbance(query, 0, MethodOptions(num_samples=64, num_steps=8))
    outputs = disturbed_outputs(query, 0, member)[0].numpy()
    assert (outputs >= ends.lower[encoded.outputs] - 1e-12).all()
    assert (outputs <= ends.upper[encoded.outputs] + 1e-12).all()


@pytest.mark.parametrize("radius", [0.0, 0.4])
def test_every_corner_lies_between_the_ends(radius):
    model = perceptron(3, (1, 2, 2))
    x = torch.tensor([[0.1]]).double()
    query = Query.of(model, InputBox(x - radius, x + radius), 0.3)
    encoded = encoded_row(query, 0)
    ends = substituted_ends(encoded.network)
    with torch.no_grad():
        outputs = disturbed_outputs(query, 0, corners(query)).numpy()
    assert (outputs >= ends.lower[encoded.outputs] - 1e-12).all()
    assert (outputs <= ends.upper[encoded.outputs] + 1e-12).all()


def test_they_are_narrower_where_values_cancel():
    # h + relu(h) - h: intervals forget that both h are the same.
    torch.manual_seed(0)
    query = Query.of(Skipping().eval(), InputBox(torch.full((1, 2), -1.0), torch.full((1, 2), 1.0)), 0.01)
    encoded = encoded_row(query, 0)
    ends, wide = substituted_ends(encoded.network), encoded.network
    (output,) = encoded.outputs
    assert ends.upper[output] - ends.lower[output] < 0.9 * (wide.upper[output] - wide.lower[output])


def test_known_signs_narrow_the_ends():
    query = Query.of(perceptron(1, (2, 4, 1), "leaky"), InputBox(-torch.ones(1, 2), torch.ones(1, 2)), 0.01)
    network = encoded_row(query, 0).network
    lower, upper = ranges(network, network.lower, network.upper)
    np.testing.assert_allclose(lower, network.lower)
    hidden = 2  # the first value behind the inputs
    lower[hidden] = 0.0
    narrowed, _ = ranges(network, lower, upper)
    assert (narrowed >= network.lower - 1e-12).all() and narrowed.sum() > network.lower.sum()
