"""Sampled <= searched <= exact, and exact is what slow enumeration finds."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lowland.certification import METHODS, InputBox, MethodOptions, Query, local_deviation
from lowland.certification.confidence import contrasts, deviation_of_margins, num_outputs
from lowland.certification.disturbances import disturbed_outputs
from lowland.certification.encoding.builder import Builder
from lowland.certification.encoding.encode import encoded_row
from lowland.certification.margins import assigned_class, margin_bounds
from lowland.certification.real_network import Operation, RealNetwork, Rounding
from lowland.errors import LowlandError
from tests.certification.networks import (
    ACTIVATIONS,
    Convolving,
    Skipping,
    corners,
    deviation_at_corners,
    perceptron,
)

QUICK = MethodOptions(num_samples=64, num_steps=12)
ROUNDED = 1e-4  # how far the solver's tolerances widen the bounds of networks of this size


def sigmoid(logit):
    return 1 / (1 + math.exp(-logit))


def interval_deviation(query):
    """The deviation by interval arithmetic on the encoded row."""
    upper = 0.0
    for row in range(len(query)):
        encoded = encoded_row(query, row)
        assigned, margins = assigned_class(query, row)
        factors = contrasts(num_outputs(query.network), assigned)
        low = torch.from_numpy(encoded.network.lower[encoded.outputs])
        high = torch.from_numpy(encoded.network.upper[encoded.outputs])
        greatest = torch.maximum(factors * low, factors * high).sum(dim=1)
        least = torch.minimum(factors * low, factors * high).sum(dim=1)
        upper = max(upper, float(deviation_of_margins(margins, least, greatest)))
    return upper


def assert_in_order(query):
    """Sampled <= searched <= exact (its witness, then its proof) <= intervals."""
    found, climbed, proved = (METHODS[method](query, QUICK) for method in ("sample", "search", "milp"))
    assert found.lower <= climbed.lower <= proved.upper
    assert proved.lower <= proved.upper <= interval_deviation(query) + 1e-9
    return climbed, proved


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    sizes=st.sampled_from([(2, 3, 1), (2, 4, 3, 1), (3, 2, 3, 2), (2, 3, 3, 3), (1, 2, 2, 2, 1)]),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    epsilon=st.sampled_from([0.001, 0.02, 0.2]),
)
def test_what_is_found_never_exceeds_what_is_proved(seed, sizes, activation, epsilon):
    model = perceptron(seed, sizes, activation)
    query = Query.of(model, torch.randn(1, sizes[0]), epsilon)
    climbed, proved = assert_in_order(query)
    if sizes[-1] <= 2:
        assert proved.status == "exact"
        assert proved.width <= 1e-3
    assert climbed.lower <= proved.upper


@pytest.mark.parametrize("activation", ["linear", "relu"])
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("epsilon", [0.01, 0.3])
def test_one_hidden_layer_equals_the_best_of_all_corners(activation, seed, epsilon):
    # Hidden values vary each on its own between two ends, and the outputs are linear in every one of them.
    model = perceptron(seed, (2, 2, 1), activation)
    x = torch.randn(1, 2)
    proved = local_deviation(model, x, epsilon, method="milp")
    oracle = deviation_at_corners(model, x, epsilon)
    assert proved.status == "exact"
    assert proved.lower <= oracle + 1e-9
    assert oracle <= proved.upper <= oracle + ROUNDED


@pytest.mark.parametrize("seed", range(4))
def test_two_linear_layers_on_a_box_of_inputs_equal_the_best_of_all_corners(seed):
    # Linear in each weight and each input: the largest margin lies at a corner. Inputs straddle zero.
    model = perceptron(seed, (2, 2, 1), "linear")
    x = torch.randn(1, 2) * 0.2
    query = Query.of(model, InputBox(x - 0.5, x + 0.5), 0.1)
    bounds = margin_bounds(query, 0, QUICK)
    with torch.no_grad():
        outputs = disturbed_outputs(query, 0, corners(query))[:, 0]
    margins = outputs if bounds.assigned == 1 else -outputs
    assert float(bounds.least) == pytest.approx(float(margins.min()), abs=ROUNDED)
    assert float(bounds.greatest) == pytest.approx(float(margins.max()), abs=ROUNDED)


def test_a_network_of_one_weight_by_hand():
    # logit = w x + b with w = 1, b = 0, x = 2 moves by 0.1 * 2 + 0.1 = 0.3 either way.
    model = nn.Sequential(nn.Linear(1, 1))
    with torch.no_grad():
        model[0].weight.fill_(1.0)
        model[0].bias.zero_()
    expected = max(sigmoid(2.3) - sigmoid(2.0), sigmoid(2.0) - sigmoid(1.7))
    bounds = local_deviation(model, torch.tensor([[2.0]]), 0.1, method="milp")
    assert bounds.lower == pytest.approx(expected, abs=1e-6)
    assert bounds.upper == pytest.approx(expected, abs=1e-5)


def _tied():
    """relu(w) - relu(w): one weight that acts twice."""
    network = nn.Sequential(nn.Conv1d(1, 1, 1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(2, 1)).eval()
    with torch.no_grad():
        network[0].weight.fill_(1.0)
        network[3].weight.copy_(torch.tensor([[1.0, -1.0]]))
        network[3].bias.zero_()
    return network


def test_a_weight_that_acts_twice_on_fixed_values_is_one_variable():
    query = Query.of(_tied(), torch.ones(1, 1, 2), _first(_tied(), 0.1))
    bounds = METHODS["milp"](query, QUICK)
    assert bounds.status == "exact"
    assert bounds.upper <= ROUNDED


def _first(model, epsilon, shape=(1, 1, 2)):
    network = RealNetwork.of(model, torch.ones(shape))
    return {next(iter(network.parameters)): epsilon}


def test_a_weight_that_acts_twice_on_values_that_vary_is_relaxed_and_says_so():
    # The same network behind a layer that moves: true deviation of the margin 0, the interval encoding says 0.2.
    first = nn.Conv1d(1, 1, 1, bias=False)
    torch.nn.init.ones_(first.weight)
    model = nn.Sequential(first, nn.ReLU(), *_tied()).eval()
    names = list(RealNetwork.of(model, torch.ones(1, 1, 2)).parameters)
    query = Query.of(model, torch.ones(1, 1, 2), {names[0]: 1e-7, names[1]: 0.1})
    bounds = METHODS["milp"](query, QUICK)
    assert bounds.status == "relaxed"
    assert bounds.upper == pytest.approx(1 / (1 + math.exp(-0.2)) - 0.5, abs=ROUNDED)
    assert bounds.lower <= 1e-6


class Tied(nn.Module):
    """relu(f(x1)) and relu(f(x2)), f one dense layer that is called twice, perhaps behind another layer."""

    def __init__(self, deeper=False):
        super().__init__()
        self.before = nn.Linear(2, 2) if deeper else nn.Identity()
        self.shared, self.relu = nn.Linear(1, 1), nn.ReLU()
        with torch.no_grad():
            self.shared.weight.fill_(1.0)
            self.shared.bias.zero_()
            if deeper:
                self.before.weight.copy_(torch.eye(2))
                self.before.bias.zero_()

    def forward(self, inputs):
        hidden = self.before(inputs)
        return torch.cat([self.relu(self.shared(hidden[:, :1])), self.relu(self.shared(hidden[:, 1:]))], dim=1)


@pytest.mark.parametrize("deeper", [False, True])
def test_a_layer_that_is_called_twice_moves_as_one(deeper):
    # x1 = x2: both outputs are the same number whatever the weights are, and nothing can change.
    epsilon = {"shared.weight": 0.1, "shared.bias": 0.1} | ({"before.weight": 1e-9} if deeper else {})
    query = Query.of(Tied(deeper), torch.ones(1, 2), epsilon)
    again = [operation for operation in query.network.operations.values() if operation.owner]
    assert [operation.owner for operation in again] == ["shared"]
    assert METHODS["sample"](query, QUICK).lower <= 1e-8
    assert METHODS["search"](query, QUICK).lower <= 1e-8
    proved = METHODS["milp"](query, QUICK)
    assert proved.lower <= 1e-8
    if deeper:
        assert proved.status == "relaxed"  # sound, but each call is taken to have weights of its own
        assert proved.upper > 0.05
    else:
        assert proved.status == "exact"
        assert proved.upper <= ROUNDED


def test_radii_and_values_of_a_layer_that_is_called_twice_are_given_once():
    query = Query.of(Tied(), torch.ones(1, 2), {"shared.weight": 0.1})
    again = next(name for name in query.network.tied if name.endswith("weight"))
    assert query.network.tied[again] == "shared.weight"
    assert float(query.box.radii[again]) == pytest.approx(0.1)
    assert query.network(torch.ones(1, 2), {"shared.weight": torch.full((1, 1), 3.0).double()}).tolist() == [[3.0, 3.0]]
    with pytest.raises(LowlandError, match="epsilon names"):
        Query.of(Tied(), torch.ones(1, 2), {again: 0.1})


@pytest.mark.parametrize("seed", range(10))
def test_skips_and_concatenations_are_exact(seed):
    torch.manual_seed(seed)
    climbed, proved = assert_in_order(Query.of(Skipping().eval(), torch.randn(1, 2), 0.05))
    assert proved.status == "exact"
    assert climbed.lower > 0


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("pool", [True, False])
def test_a_convolution_on_a_row_is_exact_as_a_first_layer_and_relaxed_deeper(seed, pool):
    torch.manual_seed(seed)
    row = torch.randn(1, 1, 3, 3)
    _, first = assert_in_order(Query.of(Convolving(pool).eval(), row, 0.05))
    assert first.status == "exact"
    _, deeper = assert_in_order(Query.of(Convolving(pool, deeper=True).eval(), row, 0.05))
    assert deeper.status == "relaxed"


def _rounded(model, example, half_step, lowest, highest):
    """The network with a quantizer of activations behind every activation."""
    network = RealNetwork.of(model, example)
    operations, source = {}, {}
    for operation in network.operations.values():
        inputs = tuple(source.get(name, name) for name in operation.inputs)
        operations[operation.name] = Operation(
            operation.name, inputs, operation.kind, operation.layer, operation.shape, operation.acts_once
        )
        if operation.kind == "activation":
            name = f"{operation.name}_rounded"
            rounding = Rounding(half_step, lowest, highest)
            operations[name] = Operation(name, (operation.name,), "rounding", rounding, operation.shape, True)
            source[operation.name] = name
    return RealNetwork(operations)


@pytest.mark.parametrize("seed", range(8))
def test_roundings_of_activations_move_by_half_a_step_and_clip(seed):
    model, x = perceptron(seed, (2, 3, 1)), torch.randn(1, 2)
    network = _rounded(model, x, 0.05, 0.0, 0.4)
    _, proved = assert_in_order(Query.of(network, x, None))
    assert proved.status == "exact"
    # By hand: hidden values h become clamp(h, 0, 0.4) +- 0.05, the logit moves by v times that.
    hidden = model[:2](x).detach().double()
    weights, bias = model[2].weight.detach().double()[0], model[2].bias.detach().double()
    logit = float(hidden[0] @ weights + bias)
    middle = float(hidden[0].clamp(0, 0.4) @ weights + bias)
    reach = 0.05 * float(weights.abs().sum())
    expected = max(abs(sigmoid(middle + sign * reach) - sigmoid(logit)) for sign in (-1, 1))
    assert proved.upper == pytest.approx(expected, abs=ROUNDED)
    assert proved.lower == pytest.approx(expected, abs=ROUNDED)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("seed", range(4))
def test_boxes_of_inputs_that_straddle_zero_stay_in_order(activation, seed):
    model = perceptron(seed, (2, 3, 3, 1), activation)
    x = torch.randn(1, 2) * 0.1
    query = Query.of(model, InputBox(x - 0.3, x + 0.3), 0.1)
    bounds = margin_bounds(query, 0, QUICK)
    assert bounds.exact
    # Every solution, evaluated as a member of the box, reaches its bound.
    sign = 1.0 if bounds.assigned == 1 else -1.0
    low, high = (sign * float(disturbed_outputs(query, 0, member)) for member in bounds.members)
    assert float(bounds.least) <= low <= float(bounds.least) + ROUNDED
    assert float(bounds.greatest) - ROUNDED <= high <= float(bounds.greatest)


def test_an_unsound_rule_is_caught(monkeypatch):
    """The order of the methods notices a rule that forgets the movement of the weights."""

    sound = Builder.matrices_of

    def forgetful(builder, operation, sizes):
        return replace(sound(builder, operation, sizes), radii=None)

    monkeypatch.setattr(Builder, "matrices_of", forgetful)
    query = Query.of(perceptron(3), torch.randn(1, 2), 0.2)
    with pytest.raises(AssertionError):
        assert_in_order(query)


@pytest.mark.parametrize("method", ["sample", "search", "milp"])
def test_several_rows_give_the_largest(method):
    model = perceptron(5, (2, 4, 1))
    rows = torch.randn(4, 2)
    together = METHODS[method](Query.of(model, rows, 0.05), QUICK)
    query = Query.of(model, rows, 0.05)
    alone = [METHODS[method](query[row : row + 1], QUICK) for row in range(4)]
    if method == "milp":
        assert together.upper == pytest.approx(max(one.upper for one in alone), abs=1e-6)
        assert together.status == "exact"
    assert together.lower >= alone[0].lower - 1e-12


def test_more_classes_are_proved_from_above():
    model = perceptron(1, (2, 4, 4))
    bounds = local_deviation(model, torch.randn(1, 2), 0.05, method="milp")
    assert 0 < bounds.lower < bounds.upper < 1
    assert bounds.status in ("relaxed", "exact")


def test_a_timeout_returns_sound_bounds():
    # Takes the solver more than a second: a wider box saturates, and is settled without any programme.
    model = perceptron(0, (2, 32, 32, 32, 1))
    x = torch.randn(1, 2)
    bounds = local_deviation(model, x, 0.02, method="milp", timeout=0.01)
    assert bounds.status == "timeout"
    assert local_deviation(model, x, 0.02, method="search").lower <= bounds.upper


def test_bad_questions_are_named():
    model, x = perceptron(0), torch.zeros(1, 2)
    with pytest.raises(LowlandError, match=r"method is 'smaple'; expected one of .*; did you mean sample"):
        local_deviation(model, x, 0.1, method="smaple")
    with pytest.raises(LowlandError, match="timeout is -1"):
        local_deviation(model, x, 0.1, method="milp", timeout=-1)
    with pytest.raises(LowlandError, match="tolerance is 0"):
        local_deviation(model, x, 0.1, method="milp", tolerance=0.0)
    with pytest.raises(LowlandError, match=r"activation .*Sigmoid.* is not made of linear pieces"):
        local_deviation(nn.Sequential(nn.Linear(2, 1), nn.Sigmoid()), x, 0.1, method="milp")
    with pytest.raises(LowlandError, match=r"outputs have shape \[1, 2, 2\]"):
        local_deviation(nn.Sequential(nn.Conv2d(1, 1, 1)), torch.zeros(1, 1, 2, 2), 0.1, method="sample")
