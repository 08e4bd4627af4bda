"""Global deviation: bracketed by cells of the logit, never below what is found anywhere in the box of inputs."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lowland.certification import METHODS, InputBox, MethodOptions, Query, global_deviation, local_deviation
from lowland.certification.cells import JointProgramme, largest_step
from lowland.certification.disturbances import disturbed_inputs, disturbed_outputs
from lowland.certification.encoding import differences
from lowland.certification.encoding.differences import difference_ranges
from lowland.certification.encoding.encode import Encoder
from lowland.certification.sampling import _drawn
from tests.certification.networks import ACTIVATIONS, Convolving, Skipping, deviation_at_corners, perceptron

QUICK = MethodOptions(num_samples=64, num_steps=10, tolerance=2e-3)


@given(shift=st.floats(0, 6), ends=st.tuples(st.floats(-8, 8), st.floats(-8, 8)))
def test_the_largest_step_of_the_sigmoid_is_that_of_a_grid(shift, ends):
    low, high = sorted(ends)
    grid = torch.linspace(low, high, 2001, dtype=torch.float64)
    steps = (grid + shift).sigmoid() - grid.sigmoid()
    assert float(steps.max()) - 1e-12 <= largest_step(shift, low, high) <= float(steps.max()) + 1e-4


@pytest.mark.parametrize("activation", ["relu", "linear"])
@pytest.mark.parametrize("seed", range(3))
def test_one_input_equals_a_grid_of_inputs_times_all_corners_of_the_weights(seed, activation):
    model = perceptron(seed, (1, 2, 1), activation)
    box = InputBox(torch.tensor([[-1.0]]), torch.tensor([[1.5]]))
    bounds = METHODS["milp"](Query.of(model, box, 0.1), QUICK)
    on_grid = max(deviation_at_corners(model, x.reshape(1, 1), 0.1) for x in torch.linspace(-1.0, 1.5, 41))
    assert bounds.status == "exact"
    assert on_grid <= bounds.upper
    assert bounds.lower <= on_grid + 0.02  # between two inputs of the grid
    assert bounds.width <= QUICK.tolerance


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("seed", range(3))
def test_what_is_found_never_exceeds_what_is_proved_globally(seed, activation):
    model = perceptron(seed, (2, 3, 2, [1, 2, 3][seed]), activation)
    box = InputBox(torch.full((1, 2), -0.5), torch.full((1, 2), 0.8))
    query = Query.of(model, box, 0.05)
    found, climbed, proved = (METHODS[method](query, QUICK) for method in ("sample", "search", "milp"))
    assert found.lower <= climbed.lower <= proved.lower <= proved.upper
    assert proved.status == ("relaxed" if seed == 2 else "exact")
    # A row of the box can lose no more than the box.
    assert local_deviation(model, box.center.float(), 0.05, method="milp").lower <= proved.upper


def test_skips_and_concatenations_globally():
    torch.manual_seed(4)
    box = InputBox(torch.full((1, 2), -0.3), torch.full((1, 2), 0.3))
    bounds = METHODS["milp"](Query.of(Skipping().eval(), box, 0.02), QUICK)
    assert bounds.status == "exact"


def test_rows_without_extent_beside_boxes():
    torch.manual_seed(1)
    model = Convolving(pool=False).eval()  # its first layer acts several times, on a fixed row by shared movements
    center, half = torch.rand(2, 1, 3, 3), torch.zeros(2, 1, 3, 3)
    half[1, 0, 0, 0] = 0.1
    both = METHODS["milp"](Query.of(model, InputBox(center - half, center + half), 0.01), QUICK)
    assert both.lower >= METHODS["milp"](Query.of(model, center[:1], 0.01), QUICK).lower
    assert both.upper >= METHODS["search"](Query.of(model, InputBox(center - half, center + half), 0.01), QUICK).lower


def test_a_box_without_extent_is_a_row():
    model, x = perceptron(2), torch.randn(1, 2)
    local = local_deviation(model, x, 0.05, method="milp")
    wide = global_deviation(model, InputBox(x.double() - 1e-7, x.double() + 1e-7), 0.05, method="milp", tolerance=1e-3)
    assert wide.upper == pytest.approx(local.upper, abs=1.1e-3)
    assert wide.lower == pytest.approx(local.lower, abs=1.1e-3)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_no_member_is_further_from_the_network_than_the_differences_say(activation):
    model = perceptron(7, (2, 4, 3, 2), activation)
    query = Query.of(model, InputBox(torch.full((1, 2), -1.0), torch.full((1, 2), 1.0)), 0.1)
    joint = JointProgramme(query, 0)
    encoder = Encoder.of(query)
    moving = encoder(query.inputs.lower[0].numpy(), query.inputs.upper[0].numpy())
    least, greatest = difference_ranges(query.network, moving, encoder.matrices)[query.network.output.name]
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        x = torch.rand(1, 2, generator=generator, dtype=torch.float64) * 2 - 1
        moved = {
            name: value + 0.1 * (torch.rand(value.shape, generator=generator, dtype=torch.float64) * 2 - 1).sign()
            for name, value in query.network.parameters.items()
        }
        apart = (query.network(x, moved) - query.network(x))[0].numpy()
        assert (least - 1e-12 <= apart).all() and (apart <= greatest + 1e-12).all()
    assert joint.moving.exact


def test_where_an_activation_falls_differences_turn_around():
    """Of a slope of -2 two values are twice as far apart, the other way round."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 3), nn.LeakyReLU(-2.0), nn.Linear(3, 1)).eval()
    query = Query.of(model, InputBox(torch.tensor([[-1.0]]), torch.tensor([[1.0]])), 0.2)
    joint = JointProgramme(query, 0)
    members = next(_drawn(query, 0, MethodOptions(num_samples=4096)))
    apart = disturbed_outputs(query, 0, members) - query.network(disturbed_inputs(query, 0, members))
    for sign in (1.0, -1.0):
        places = torch.tensor([joint.logits[1], joint.logits[0]]).numpy()
        proved = joint.largest(places, sign * torch.tensor([1.0, -1.0]).numpy(), None, QUICK).bound
        assert float((sign * apart).max()) <= proved


def test_differences_that_are_too_small_are_caught(monkeypatch):
    """Rows that tie the copies too closely make a proof that a witness refutes."""

    def zeros(operation):
        return torch.zeros(operation.shape, dtype=torch.float64).numpy()

    monkeypatch.setattr(differences, "_affine", lambda operation, *_: (zeros(operation), zeros(operation)))
    query = Query.of(perceptron(1, (2, 3, 1)), InputBox(torch.full((1, 2), -1.0), torch.full((1, 2), 1.0)), 0.1)
    proved = JointProgramme(query, 0)
    found = METHODS["search"](query, QUICK).lower
    solution = proved.largest(
        torch.tensor([proved.logits[1], proved.logits[0]]).numpy(), torch.tensor([1.0, -1.0]).numpy(), None, QUICK
    )
    assert largest_step(max(solution.bound, 0.0), -math.inf) < found


def test_a_timeout_globally_returns_the_bounds_reached():
    model = perceptron(0, (2, 16, 16, 1), "leaky")
    box = InputBox(torch.full((1, 2), -1.0), torch.full((1, 2), 1.0))
    bounds = global_deviation(model, box, 0.1, method="milp", timeout=0.3)
    assert bounds.status == "timeout"
    assert 0 < bounds.lower < bounds.upper <= 1
