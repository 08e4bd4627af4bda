"""Bounds on deployed minus float values hold for every step with a counterpart; what both have in common cancels."""

import numpy as np
import pytest
import torch
from torch import nn

from lowland.certification import RealNetwork
from lowland.certification.rounding.integer_graph import IntegerGraph
from lowland.certification.rounding.pair_bounds import difference_name, float_name, pair_bounds
from lowland.errors import LowlandError
from tests.certification.rounding.networks import float_perceptron, perceptron


def _values(pair, network, real, inputs):
    """Results of both networks on inputs, by name."""
    integers = network.integer_values(inputs.float())
    step = network.steps["input"]
    given = integers["input"] * step.scale.double() if pair.reads == "codes" else inputs
    values = {"inputs": given}
    for name, operation in real.operations.items():
        values[name] = operation.layer(*(values[source] for source in operation.inputs))
    return integers, values


@pytest.mark.parametrize("reads", ["inputs", "codes"])
@pytest.mark.parametrize("even", [False, True])
def test_integers_floats_and_differences_lie_in_their_boxes(reads, even):
    for seed in range(4):
        network = perceptron(seed, even=even)
        model = float_perceptron(network, seed)
        draws = torch.Generator().manual_seed(seed)
        row = 1.5 * torch.randn(3, generator=draws, dtype=torch.float64)  # beyond the quantizer's range at times
        lower, upper = row - 0.4, row + 0.4
        real = RealNetwork.of(model, row[None].float())
        pair = pair_bounds(IntegerGraph(network, row), real, lower, upper, reads)
        inputs = lower + torch.rand(3000, 3, generator=draws, dtype=torch.float64) * (upper - lower)
        integers, floats = _values(pair, network, real, inputs)
        assert set(pair.partners) == set(integers)
        for step, operation in pair.partners.items():
            scale = torch.from_numpy(pair.scale(step))
            difference = integers[step] * scale - floats[operation]
            for name, values in (
                (step, integers[step].double()),
                (float_name(operation), floats[operation]),
                (difference_name(step), difference),
            ):
                box = pair.symbolic.boxes[name]
                assert bool((values.numpy() >= box.lower - 1e-9).all()), name
                assert bool((values.numpy() <= box.upper + 1e-9).all()), name
        box, apart = pair.deviation_box(), difference.numpy()
        assert bool(((apart >= box.lower) & (apart <= box.upper)).all())


def test_a_deeper_pair_is_bounded_far_closer_than_by_both_networks_apart():
    network = perceptron(3, bits=8, steps=1 / 16)
    model = float_perceptron(network, 3, noise=0.0)
    row = torch.tensor([0.2, -0.4, 0.6], dtype=torch.float64)
    real = RealNetwork.of(model, row[None].float())
    pair = pair_bounds(IntegerGraph(network, row), real, row - 0.3, row + 0.3, "codes")
    together = pair.deviation_box().width.max()
    deployed = pair.symbolic.boxes["4"].width * pair.scale("4")
    assert together < 0.35 * (deployed + pair.symbolic.boxes[float_name("4")].width).max()


def test_on_one_input_the_bounds_are_the_deviation():
    network = perceptron(2)
    model = float_perceptron(network, 2)
    row = torch.tensor([0.25, -0.5, 0.125], dtype=torch.float64)
    real = RealNetwork.of(model, row[None].float())
    box = pair_bounds(IntegerGraph(network, row), real, row, row, "inputs").deviation_box()
    apart = network.forward_integer(row[None].float()) * network.output_scale.double() - real(row[None])
    np.testing.assert_allclose(box.lower, apart[0].numpy(), atol=1e-7)
    np.testing.assert_allclose(box.upper, apart[0].numpy(), atol=1e-7)


def test_a_float_network_without_names_of_steps_is_bounded_too():
    network = perceptron(1)
    model = float_perceptron(network, 1)
    renamed = nn.Sequential(nn.Identity(), nn.Sequential(*model))
    row = torch.zeros(3, dtype=torch.float64)
    real = RealNetwork.of(renamed, row[None].float())
    assert not set(real.operations) & set(network.steps)
    pair = pair_bounds(IntegerGraph(network, row), real, row - 0.2, row + 0.2, "inputs")
    inputs = row - 0.2 + 0.4 * torch.rand(1000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    apart = network.forward_integer(inputs.float()) * network.output_scale.double() - real(inputs)
    box = pair.deviation_box()
    assert bool(((apart.numpy() >= box.lower) & (apart.numpy() <= box.upper)).all())


def test_what_has_no_rule_is_named():
    network, row = perceptron(0), torch.zeros(3, dtype=torch.float64)
    graph = IntegerGraph(network, row)
    smooth = RealNetwork.of(nn.Sequential(nn.Linear(3, 3), nn.Tanh()), torch.zeros(1, 3))
    with pytest.raises(LowlandError, match=r"activation 1 \(Tanh\) of the float network is not made of linear pieces"):
        pair_bounds(graph, smooth, row, row, "inputs")
    pooled = nn.Sequential(nn.Linear(3, 3), nn.Unflatten(1, (1, 3)), nn.MaxPool1d(1), nn.Flatten())
    with pytest.raises(LowlandError, match=r"1 operation without a rule: 2 \(maximum\)"):
        pair_bounds(graph, RealNetwork.of(pooled, torch.zeros(1, 3)), row, row, "inputs")
    two = RealNetwork.of(nn.Linear(3, 2), torch.zeros(1, 3))
    with pytest.raises(LowlandError, match="3 outputs and the float network 2; expected the same number"):
        pair_bounds(graph, two, row, row, "inputs")
