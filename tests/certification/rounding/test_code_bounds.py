"""Bounds hold for every input of the region, integer by integer, and are no wider than those of interval arithmetic."""

import pytest
import torch

from lowland.certification.rounding.code_bounds import code_bounds
from lowland.certification.rounding.code_box import box_around
from lowland.certification.rounding.integer_graph import IntegerGraph, Sum
from lowland.errors import LowlandError
from tests.certification.rounding.networks import SHAPES, codes_around, every_input, joined, looked, perceptron
from tests.quantization.graphs import GRAPHS


@pytest.mark.parametrize("even", [False, True])
@pytest.mark.parametrize("build", [perceptron, joined, looked])
def test_every_integer_of_every_input_lies_in_its_box(build, even):
    for seed in range(4):
        network = build(seed, even=even)
        row = torch.randn(SHAPES[build], generator=torch.Generator().manual_seed(seed))
        graph = IntegerGraph(network, row)
        bounds = code_bounds(graph, box_around(graph, row, 1, "codes"))
        values = network.integer_values(every_input(network, *codes_around(network, row, 1)))
        for name, integers in values.items():
            lower, upper = (torch.from_numpy(end) for end in bounds.boxes[name])
            assert bool((integers.flatten(1) >= lower).all()), name
            assert bool((integers.flatten(1) <= upper).all()), name


@pytest.mark.parametrize("name", ["residual", "dense", "tied"])
def test_larger_graphs_are_enclosed_on_drawn_inputs(name):
    network, rows = GRAPHS[name].network(4), GRAPHS[name].rows(1)
    graph = IntegerGraph(network, rows[0])
    box = box_around(graph, rows[0], 3, "codes")
    bounds = code_bounds(graph, box)
    lower, upper = (torch.from_numpy(end) for end in box)
    drawn = lower + torch.rand(200, len(lower), generator=torch.Generator().manual_seed(0)) * (upper - lower)
    inputs = (drawn.round() * graph.sensor.scale).float().reshape(200, *rows.shape[1:])
    for step, integers in network.integer_values(inputs).items():
        low, high = (torch.from_numpy(end) for end in bounds.boxes[step])
        assert bool(((integers.flatten(1) >= low) & (integers.flatten(1) <= high)).all()), step


def test_bounds_of_sums_are_tight_where_nothing_rounds():
    network = perceptron(0)
    row = torch.zeros(3)
    graph = IntegerGraph(network, row)
    bounds = code_bounds(graph, box_around(graph, row, 1, "codes"))
    values = network.integer_values(every_input(network, *codes_around(network, row, 1)))
    assert isinstance(graph.nodes["0"], Sum)
    assert bounds.boxes["0"].lower.tolist() == values["0"].amin(0).tolist()
    assert bounds.boxes["0"].upper.tolist() == values["0"].amax(0).tolist()


def test_a_radius_in_the_inputs_unit_reaches_the_codes_of_its_ends():
    network = perceptron(0)
    graph = IntegerGraph(network, row := torch.tensor([0.1, -0.3, 5.0]))
    box = box_around(graph, row, 0.3, "inputs")
    step = network.steps["input"]
    assert box.lower.tolist() == step.integer(row - 0.3).tolist()
    assert box.upper.tolist() == step.integer(row + 0.3).tolist()
    assert box.upper[2] == box.lower[2] == step.highest  # beyond the quantizer's range nothing moves


def test_what_cannot_be_enclosed_is_named():
    with pytest.raises(LowlandError, match=r"1 step whose integers cannot be enclosed: gated \(multiply\)"):
        IntegerGraph(GRAPHS["tables"].network(4), torch.zeros(5))
    with pytest.raises(LowlandError, match=r"norm \(float_step\), normal \(quantize\), attend"):
        IntegerGraph(GRAPHS["attention"].network(4), torch.zeros(3, 4))
    graph = IntegerGraph(perceptron(0), torch.zeros(3))
    with pytest.raises(LowlandError, match=r"radius is -1; expected a whole number of codes, 0 or more"):
        box_around(graph, torch.zeros(3), -1, "codes")
    with pytest.raises(LowlandError, match=r"radius is 0.5"):
        box_around(graph, torch.zeros(3), 0.5, "codes")
