"""Curves between networks against plain forwards, and a bend that really goes round a barrier."""

import copy
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.landscape import Problem
from lowland.landscape.surface.connectivity import ModeConnectivity, _barrier, mode_connectivity
from lowland.landscape.surface.curve import Ends, trained_bend
from lowland.landscape.surface.points import PointLosses
from tests.cases import CASES
from tests.quantization.networks import integer_network, rows, trained_float, twin

LOSS = functional.cross_entropy


@pytest.fixture(scope="module")
def data():
    return rows(300), rows(200, seed=1)


@pytest.fixture(scope="module")
def networks():
    return [trained_float(seed=seed).eval() for seed in (0, 1)]


@pytest.fixture(scope="module")
def found(networks, data):
    train, test = data
    return mode_connectivity(*networks, LOSS, [train], [test], num_epochs=40, batch_size=60, num_points=9)


def _at(first, second, middle, t):
    """The obvious way: a copy with parameters from the formula."""
    moved = copy.deepcopy(first)
    with torch.no_grad():
        for name, parameter in moved.named_parameters():
            a, b = first.get_parameter(name), second.get_parameter(name)
            parameter.copy_((1 - t) ** 2 * a + 2 * t * (1 - t) * middle[name] + t**2 * b)
    return moved


def test_both_paths_equal_the_formulas(networks, data):
    train, test = data
    options = {"num_epochs": 3, "batch_size": 50, "learning_rate": 0.03}
    found = mode_connectivity(
        *networks, LOSS, [train], [test], num_points=5, generator=torch.Generator().manual_seed(2), **options
    )
    bend = trained_bend(
        Problem(networks[0], LOSS, [train]),
        Ends.of(*networks),
        num_epochs=3,
        batch_size=50,
        learning_rate=0.03,
        draws=torch.Generator().manual_seed(2),
    )
    a, b = (dict(n.named_parameters()) for n in networks)
    straight = {name: (a[name] + b[name]).detach() / 2 for name in a}
    assert found.positions.tolist() == [0, 0.25, 0.5, 0.75, 1]
    for index, t in enumerate(found.positions.tolist()):
        for middle, losses, errors in (
            (bend.middle, found.curve_losses, found.curve_standard_errors),
            (straight, found.linear_losses, found.linear_standard_errors),
        ):
            outputs = _at(*networks, middle, t)(test[0]).detach()
            expected = functional.cross_entropy(outputs, test[1], reduction="none").double()
            assert float(losses[index]) == pytest.approx(float(expected.mean()), rel=1e-5)
            assert float(errors[index]) == pytest.approx(float(expected.std() / 200**0.5), rel=1e-4)


def test_the_bend_moves_and_lowers_the_barrier(found):
    assert found.bend > 0.05
    assert found.linear_barrier.value > 0.1
    assert found.curve_barrier.value < 0.5 * found.linear_barrier.value
    assert float(found.training_losses[-5:].mean()) < float(found.training_losses[:5].mean())
    assert found.status in ("ok", "not_converged")


def test_deviation_and_barriers_by_their_definitions(found):
    losses, t = found.curve_losses, found.positions
    gaps = (losses[0] + losses[-1]) / 2 - losses
    assert found.deviation.value == pytest.approx(float(gaps[gaps.abs().argmax()]), rel=1e-9)
    for barrier, path in ((found.curve_barrier, losses), (found.linear_barrier, found.linear_losses)):
        rises = path - (1 - t) * path[0] - t * path[-1]
        assert barrier.value == pytest.approx(max(float(rises.max()), 0), abs=1e-9)
        assert barrier.num_samples == 200


def test_errors_of_differences_are_paired(networks, data):
    """The same network twice: both losses are uncertain, their difference is not."""
    train, test = data
    same = mode_connectivity(networks[0], networks[0], LOSS, [train], [test], num_epochs=1, num_points=3)
    assert float(same.linear_standard_errors.min()) > 0.01
    assert (same.linear_barrier.value, same.linear_barrier.standard_error) == (0.0, 0.0)
    assert same.bend != same.bend  # there is no distance to measure it in


def test_paired_errors_are_honest(networks):
    """Barriers of the straight line on many test sets of one population."""
    ends = Ends.of(*networks)
    points = PointLosses(
        Problem(networks[0], LOSS, [rows(80_000, seed=9)]), ends.start, ends.directions(ends.start)[1:2]
    )
    t = torch.tensor([[0.0], [0.5], [1.0]], dtype=torch.float64)
    losses = points.of_rows(t).double()
    truth = _barrier(losses, t).value
    samples = [_barrier(part, t) for part in losses.split(200, 1)]
    scores = torch.tensor([(s.value - truth) / s.standard_error for s in samples])
    assert len(scores) == 400 and 0.8 < float(scores.var()) < 1.25
    assert abs(float(scores.mean())) < 4 / 400**0.5


def test_gradient_of_the_bend_is_that_of_the_whole_curve(networks, data):
    """One step of Adam moves every entry by the learning rate against the sign of the true gradient."""
    train, _ = data
    ends = Ends.of(*networks)
    rate = 1e-3
    bend = trained_bend(Problem(networks[0], LOSS, [train]), ends, 1, 300, rate, torch.Generator().manual_seed(4))
    draws = torch.Generator().manual_seed(4)
    torch.randperm(300, generator=draws)
    t = float(torch.rand((), generator=draws))
    middle = {n: ((ends.start[n] + ends.stop[n]) / 2).requires_grad_() for n in ends.trainable}
    point = {
        n: (1 - t) ** 2 * ends.start[n] + 2 * t * (1 - t) * middle[n] + t**2 * ends.stop[n] for n in ends.trainable
    }
    value = LOSS(torch.func.functional_call(networks[0], point, (train[0],)), train[1])
    slopes = torch.autograd.grad(value, list(middle.values()))
    for name, slope in zip(middle, slopes, strict=True):
        clear = slope.abs() > 1e-5
        moved = (bend.middle[name] - middle[name]).detach()
        torch.testing.assert_close(moved[clear], -rate * slope.sign()[clear], rtol=2e-2, atol=0)


def test_a_straight_valley_needs_no_bend():
    """A loss that is quadratic in the weights, zero at both ends and on the line between: nothing to gain."""
    first, second = (nn.Linear(2, 1, bias=False).double().eval() for _ in range(2))
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[1.0, 0.0]]))
        second.weight.copy_(torch.tensor([[1.0, 5.0]]))
    inputs = torch.tensor([[1.0, 0.0]], dtype=torch.float64).repeat(8, 1)
    batch = [(inputs, inputs[:, :1])]
    found = mode_connectivity(first, second, functional.mse_loss, batch, batch, num_epochs=5)
    assert float(found.curve_losses.max()) < 1e-20
    assert abs(found.deviation.value) < 1e-20 and found.curve_barrier.value < 1e-20
    assert found.bend == pytest.approx(0, abs=1e-9)


def test_test_batches_do_not_matter_and_training_batches_neither(networks, data):
    train, test = data
    options = {"num_epochs": 2, "num_points": 5}
    whole = mode_connectivity(*networks, LOSS, [train], [test], **options)
    pieces = [list(zip(x.split(70), y.split(70), strict=True)) for x, y in data]
    parts = mode_connectivity(*networks, LOSS, *pieces, **options)
    torch.testing.assert_close(parts.curve_losses, whole.curve_losses, rtol=1e-5, atol=0)
    assert torch.equal(parts.training_losses, whole.training_losses)


def test_same_generator_same_numbers_and_networks_left_as_they_came(networks, data):
    train, test = data
    models = [copy.deepcopy(network) for network in networks]
    for model in models:
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, 7.0)
    state = torch.get_rng_state()
    first, second = (mode_connectivity(*models, LOSS, [train], [test], num_epochs=2) for _ in range(2))
    assert torch.equal(first.curve_losses, second.curve_losses) and first.deviation == second.deviation
    assert torch.equal(state, torch.get_rng_state())
    for model, network in zip(models, networks, strict=True):
        assert not model.training
        for parameter, before in zip(model.parameters(), network.parameters(), strict=True):
            assert torch.equal(parameter, before) and bool((parameter.grad == 7).all()) and parameter.requires_grad


def test_deployed_networks_interpolate_their_activation_scales(data):
    train, test = data
    networks = [integer_network(4, seed=seed) for seed in (0, 1)]
    found = mode_connectivity(*networks, LOSS, [train], [test], num_epochs=2, num_points=3)
    first, second = (network.dequantized().eval() for network in networks)
    with torch.no_grad():
        for name, values in [*first.named_parameters(), *first.named_buffers()]:
            values.copy_((values + dict([*second.named_parameters(), *second.named_buffers()])[name]) / 2)
        expected = float(LOSS(first(test[0]), test[1]))
    assert float(found.linear_losses[1]) == pytest.approx(expected, rel=1e-3)
    assert found.bend > 0
    for index, network in ((0, networks[0]), (-1, networks[1])):
        own = float(LOSS(network(test[0]), test[1]))
        assert float(found.curve_losses[index]) == pytest.approx(own, rel=1e-3)


def test_quantization_aware_twins(data):
    train, test = data
    found = mode_connectivity(*(twin(4, seed=s).eval() for s in (0, 1)), LOSS, [train], [test], num_epochs=3)
    assert found.bend > 0 and bool(found.curve_losses.isfinite().all())


@pytest.mark.parametrize("name", ["gru", "residual without batch-norm"])
def test_other_networks(name):
    if name == "gru":
        model, (inputs, targets), loss = CASES["gru"].model(), CASES["gru"].data(), CASES["gru"].loss
    else:
        model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2, 3)).eval()
        inputs, targets, loss = torch.randn(20, 1, 4, 4), torch.arange(20) % 3, LOSS
    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)).to(parameter))
    found = mode_connectivity(model, other, loss, [(inputs, targets)], [(inputs, targets)], num_epochs=3, batch_size=8)
    assert found.bend > 0
    assert float(found.curve_losses[-1]) == pytest.approx(float(loss(other(inputs), targets).detach()), rel=1e-5)


def test_rows_and_columns(found):
    measurements = found.rows()
    assert [m.measure for m in measurements] == ["mode_connectivity", "curve_barrier", "linear_barrier"]
    assert {m.family for m in measurements} == {"landscape"}
    columns = found.columns()
    assert {len(column) for column in columns.values()} == {9}
    assert columns["curve_loss"] == found.curve_losses.tolist()
    assert set(columns["status"]) == {found.status} and set(columns["num_rows"]) == {found.deviation.num_samples}
    missing = ModeConnectivity.missing("non_finite")
    assert [m.estimate.status for m in missing.rows()] == ["non_finite"] * 3
    assert {len(column) for column in missing.columns().values()} == {0}


def test_a_loss_that_is_not_finite_becomes_a_status(networks, data):
    train, test = data
    broken = copy.deepcopy(networks[1])
    with torch.no_grad():
        broken[0].weight[0, 0] = torch.inf
    found = mode_connectivity(networks[0], broken, LOSS, [train], [test], num_epochs=1)
    assert found.status == "non_finite"
    assert {m.estimate.status for m in found.rows()} == {"non_finite"}
    spoiled = [(train[0] * torch.nan, train[1])]
    trained = mode_connectivity(*networks, LOSS, spoiled, [test], num_epochs=1)
    assert (trained.status, trained.deviation.status, trained.linear_barrier.status) == (
        "non_finite",
        "non_finite",
        "ok",
    )


def test_too_short_a_training_is_not_called_converged(networks, data):
    train, test = data
    assert mode_connectivity(*networks, LOSS, [train], [test], num_epochs=1).deviation.status == "not_converged"


def _with_spare(network):
    other = copy.deepcopy(network)
    other.register_parameter("spare", nn.Parameter(torch.zeros(2)))
    return other


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda a, b: (a, nn.Sequential(nn.Linear(6, 12)).eval()), {}, "model_b: '2.weight' is missing"),
        (lambda a, b: (a, copy.deepcopy(b).double()), {}, "float64 on cpu, in model_a"),
        (lambda a, b: (copy.deepcopy(a).train(), b), {}, "training mode"),
        (lambda a, b: (_with_spare(a), _with_spare(b)), {}, "parameter 'spare' gets no gradient"),
        (lambda a, b: [nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4)).eval()] * 2, {}, "fold_batch_norm"),
        (lambda a, b: (a, b), {"num_epochs": 0}, "num_epochs: got 0"),
        (lambda a, b: (a, b), {"num_points": 2}, "num_points: got 2; expected at least 3"),
        (lambda a, b: (a, b), {"batch_size": 0}, "batch_size: got 0"),
        (lambda a, b: (a, b), {"learning_rate": 0.0}, "learning_rate: got 0.0"),
    ],
)
def test_bad_input_is_told(change, options, message, networks, data):
    train, test = data
    with pytest.raises(LowlandError, match=message):
        mode_connectivity(*change(*networks), LOSS, [train], [test], **options)


def test_one_test_row_has_no_error(networks, data):
    with pytest.raises(LowlandError, match="got 1 row"):
        mode_connectivity(*networks, LOSS, [data[0]], [tuple(part[:1] for part in data[1])])


@pytest.mark.parametrize(
    "loss", [partial(LOSS, reduction="sum"), partial(LOSS, weight=torch.tensor([1.0, 2.0, 1.0, 1.0]))]
)
def test_losses_that_are_no_means_over_rows_are_refused(loss, networks, data):
    """On the training rows or on the test rows alone: the other rows are of a class whose weight is 1."""
    of_one_class = tuple(part[data[0][1] == 0] for part in data[0])
    for train, test in ((data[0], of_one_class), (of_one_class, data[1])):
        with pytest.raises(LowlandError, match="expected the mean over independent rows"):
            mode_connectivity(*networks, loss, [train], [test])


def test_networks_that_mix_rows_are_refused():
    case = CASES["batch statistics"]
    with pytest.raises(LowlandError, match="outputs of one row depend on other rows"):
        mode_connectivity(case.model(), case.model(), case.loss, [case.data()], [case.data()])
