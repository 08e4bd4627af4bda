"""Largest deviations of deployed networks against all codes of a region, tried one by one, and grids of inputs."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.certification import InputBox, RealNetwork
from lowland.certification.rounding import deviation, pair_bounds
from lowland.certification.rounding.code_cells import by_cells, sides
from lowland.certification.rounding.deviation import deployed_deviation, deviation_on_codes
from lowland.certification.rounding.deviation_search import Deviations
from lowland.certification.rounding.integer_graph import IntegerGraph
from lowland.certification.rounding.symbolic import Line
from lowland.errors import LowlandError
from tests.certification.rounding.networks import every_input, float_perceptron, perceptron


def _box(seed, radius):
    row = torch.randn(1, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return InputBox(row - radius, row + radius)


def _of_all_codes(network, model, box):
    step = network.steps["input"]
    ends = (step.integer(end[0].float()) for end in (box.lower, box.upper))
    codes = every_input(network, *ends).double() / step.scale.double()
    inputs = codes.round() * step.scale.double()
    apart = network.forward_integer(inputs.float()) * network.output_scale.double() - RealNetwork.of(
        model, inputs[:1].float()
    )(inputs)
    return apart.abs().amax(0)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([3, 4, 6]), st.booleans())
def test_programme_and_all_codes_agree_where_the_float_network_reads_codes(seed, bits, even):
    network = perceptron(seed, bits=bits, even=even)
    model, box = float_perceptron(network, seed), _box(seed, 0.5)
    largest = float(_of_all_codes(network, model, box).max())
    tried = deviation_on_codes(network, model, box)
    assert tried.status == "exact"
    assert tried.lower == pytest.approx(largest, rel=1e-9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deviation, "MOST_TRIED", 0)
        solved = deviation_on_codes(network, model, box)
        bounds = deviation_on_codes(network, model, box, timeout=0)
    assert solved.status == "exact"
    assert solved.lower <= largest * (1 + 1e-9)
    assert solved.upper >= largest * (1 - 1e-9)
    assert bounds.lower <= largest * (1 + 1e-9)
    assert bounds.upper >= solved.upper * (1 - 1e-9)


@pytest.mark.parametrize("even", [False, True])
def test_with_inputs_between_codes_no_input_of_a_fine_grid_is_above_and_the_bound_is_reached(even):
    for seed in range(3):
        network = perceptron(seed, even=even)
        model, box = float_perceptron(network, seed), _box(seed, 0.3)
        found = deployed_deviation(network, model, box)
        assert found.status == "exact"
        ends = box.lower[0], box.upper[0]
        axes = [torch.linspace(float(low), float(high), 41) for low, high in zip(*ends, strict=True)]
        grid = torch.cartesian_prod(*axes).double().clamp(box.lower, box.upper)
        real = RealNetwork.of(model, grid[:1].float())
        apart = (network.forward_integer(grid.float()) * network.output_scale.double() - real(grid)).abs()
        assert float(apart.max()) <= found.upper
        assert found.lower >= float(apart.max()) * 0.97
        one = deployed_deviation(network, model, box, output=1)
        assert one.upper <= found.upper * (1 + 1e-9)
        assert float(apart[:, 1].max()) <= one.upper


def test_of_several_boxes_the_largest_counts():
    network = perceptron(4)
    model = float_perceptron(network, 4)
    first, second = _box(4, 0.1), _box(5, 0.1)
    both = InputBox(torch.cat([first.lower, second.lower]), torch.cat([first.upper, second.upper]))
    found = deployed_deviation(network, model, both)
    each = [deployed_deviation(network, model, box) for box in (first, second)]
    assert found.lower == max(bounds.lower for bounds in each)
    assert found.upper == max(bounds.upper for bounds in each)


def test_without_time_both_sides_still_hold():
    network = perceptron(6, bits=5)
    model, box = float_perceptron(network, 6), _box(6, 0.6)
    bounds = deployed_deviation(network, model, box, timeout=0)
    exact = deployed_deviation(network, model, box)
    assert bounds.status == "timeout"
    assert bounds.lower <= exact.upper
    assert bounds.upper > exact.upper


def test_an_unsound_bound_is_seen():
    network = perceptron(4)
    model, box = float_perceptron(network, 4, noise=0.0), _box(4, 0.3)
    assert deviation_on_codes(network, model, box, timeout=0).lower > 0

    def without_half_steps(node, before, boxes, scales, *, rectified):
        zero = 0 * boxes[0].lower
        return (Line.diagonal(before, zero + 1, zero),) * 2

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair_bounds, "rounded_difference", without_half_steps)
        patch.setattr(deviation, "MOST_TRIED", 0)
        with pytest.raises(ValueError, match="contradict each other"):
            deviation_on_codes(network, model, box, timeout=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output": 3}, "output is 3; expected 0 to 2"),
        ({"tolerance": 0.0}, "tolerance is 0.0"),
        ({"timeout": -1.0}, "timeout -1.0; expected"),
    ],
)
def test_what_cannot_be_asked_is_refused(changes, message):
    network = perceptron(0)
    with pytest.raises(LowlandError, match=message):
        deployed_deviation(network, float_perceptron(network, 0), _box(0, 0.1), **changes)


def test_cells_of_the_codes_close_what_bounds_leave_open():
    network = perceptron(7, bits=5)
    model, box = float_perceptron(network, 7), _box(7, 0.2)
    real = RealNetwork.of(model, box.lower.float())
    ends = (end[0] for end in (box.lower, box.upper))
    pair = pair_bounds.pair_bounds(IntegerGraph(network, box.lower[0]), real, *ends, "inputs")
    proved, deviations = sides(pair, [0, 1, 2]), Deviations(pair)
    closer, reached = by_cells(deviations, proved, lambda upper, lower: upper - lower <= 1e-3 * upper, float("inf"))
    exact = deployed_deviation(network, model, box)
    assert exact.lower * (1 - 1e-9) <= max(closer.values()) <= reached * (1 + 2e-3)
    assert reached <= exact.upper * (1 + 1e-9)
    assert max(closer.values()) < max(proved.values())
    assert by_cells(deviations, proved, lambda upper, lower: False, 0.0) == (proved, 0.0)  # no time: what was known
