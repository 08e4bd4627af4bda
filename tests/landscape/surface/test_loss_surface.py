"""Losses over planes against the plain forward of a moved copy, and honest errors of sampled rows."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.landscape import Problem
from lowland.landscape.surface import points as points_module
from lowland.landscape.surface.directions import filter_normalised_directions
from lowland.landscape.surface.grid_losses import grid_losses
from lowland.landscape.surface.layer_chain import LayerChain
from lowland.landscape.surface.loss_surface import _points, loss_surface
from lowland.landscape.surface.points import PointLosses
from tests.cases import CASES, FakeIntegerNetwork, Twice
from tests.quantization.networks import integer_network, rows, twin

AXES = torch.tensor([-0.7, 0.0, 0.4], dtype=torch.float64), torch.tensor([-0.3, 0.9], dtype=torch.float64)
CROWD = 1000  # rows where some are drawn
CHAINS = ("mlp", "in-place", "quantized", "squared error", "tanh")
OTHERS = ("autoencoder", "residual", "sequence", "own parameter", "lstm", "gru", "layer norm", "called twice", "tied")


def _moved_loss(model, loss, data, *terms):
    """The obvious way: a copy whose parameters are changed in place."""
    moved = copy.deepcopy(model)
    with torch.no_grad():
        for step, direction in terms:
            for name, change in direction.items():
                moved.get_parameter(name).add_(step * change)
        return float(loss(moved(data[0]), data[1]))


@pytest.mark.parametrize("name", [*CHAINS, *OTHERS])
def test_surface_equals_moved_copies(name):
    case = CASES[name]
    model, data = case.model(), case.data()
    directions = filter_normalised_directions(model)
    directions[0] = {key: change + 0.1 for key, change in directions[0].items()}  # biases move too
    found = loss_surface(model, case.loss, [data], directions=directions, coordinates=AXES)
    expected = torch.tensor(
        [
            [_moved_loss(model, case.loss, data, (float(x), directions[0]), (float(y), directions[1])) for y in AXES[1]]
            for x in AXES[0]
        ],
        dtype=torch.float64,
    )
    torch.testing.assert_close(found.losses, expected, rtol=1e-10, atol=1e-12)
    assert not found.standard_errors.any() and bool((found.num_rows == case.rows).all())
    assert found.status == "ok"


@pytest.mark.parametrize(("name", "chain"), [*((n, True) for n in CHAINS), *((n, False) for n in OTHERS)])
def test_which_networks_are_computed_many_points_at_once(name, chain):
    case = CASES[name]
    model = case.model()
    origin = {key: p.detach() for key, p in model.named_parameters()}
    assert (LayerChain.of(model, case.data()[0], origin, [origin]) is not None) == chain


class _Spoiled(nn.Module):
    """A chain by its modules, but not by what happens between them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, values):
        hidden = self.first(values)
        return self.second(hidden.add_(1.0))


@pytest.mark.parametrize("build", [_Spoiled, lambda: nn.Sequential(nn.Linear(4, 3), nn.Softmax(-1)), Twice])
def test_look_alikes_of_chains_are_found_out(build):
    model = build().double().eval()
    inputs = torch.randn(9, 4, dtype=torch.float64)
    assert LayerChain.of(model, inputs, {key: p.detach() for key, p in model.named_parameters()}, []) is None
    assert not any(module._forward_hooks for module in model.modules())


def test_deployed_networks_move_their_dequantized_weights():
    network, data = FakeIntegerNetwork(), CASES["mlp"].data()
    directions = filter_normalised_directions(network)
    surface = loss_surface(network, functional.cross_entropy, [data], directions=directions, coordinates=AXES)
    for x, found in zip(AXES[0], surface.losses[:, 1], strict=True):
        terms = (float(x), directions[0]), (float(AXES[1][1]), directions[1])
        expected = _moved_loss(network.dequantized(), functional.cross_entropy, data, *terms)
        assert float(found) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("build", [lambda: integer_network(4), lambda: twin(4).eval()])
def test_the_library_s_own_quantized_networks(build):
    model, data = build(), rows(60)
    module = model.dequantized().eval() if hasattr(model, "dequantized") else model
    directions = filter_normalised_directions(model)
    found = loss_surface(model, functional.cross_entropy, [data], directions=directions, coordinates=AXES)
    for i, x in enumerate(AXES[0]):
        terms = (float(x), directions[0]), (float(AXES[1][1]), directions[1])
        expected = _moved_loss(module, functional.cross_entropy, data, *terms)
        assert float(found.losses[i, 1]) == pytest.approx(expected, rel=2e-3)  # a rounding may fall the other way


@pytest.mark.parametrize("name", ["mlp", "autoencoder"])
def test_batch_sizes_do_not_matter(name, monkeypatch):
    case = CASES[name]
    model, (inputs, targets) = case.model(), case.data()
    directions = filter_normalised_directions(model)
    whole = loss_surface(model, case.loss, [(inputs, targets)], directions=directions, coordinates=AXES)
    pieces = list(zip(inputs.split(5), targets.split(5), strict=True))
    monkeypatch.setattr(points_module, "BLOCK_ROWS", 3)
    for batches in (pieces, pieces[::-1]):
        parts = loss_surface(model, case.loss, batches, directions=directions, coordinates=AXES)
        torch.testing.assert_close(parts.losses, whole.losses, rtol=1e-12, atol=0)


def test_losses_of_rows_in_any_selection(monkeypatch):
    case = CASES["mlp"]
    model, (inputs, targets) = case.model(), case.data()
    directions = filter_normalised_directions(model)
    origin = {key: p.detach() for key, p in model.named_parameters()}
    points = PointLosses(
        Problem(model, case.loss, zip(inputs.split(7), targets.split(7), strict=True)), origin, directions
    )
    coordinates = torch.tensor([[0.0, 0.0], [0.3, -0.2]], dtype=torch.float64)
    monkeypatch.setattr(points_module, "ROW_LOSSES", 5)
    found = points.of_rows(coordinates)
    torch.testing.assert_close(found[0], functional.cross_entropy(model(inputs), targets, reduction="none").detach())
    torch.testing.assert_close(found.mean(1), points.means(coordinates))
    chosen = torch.tensor([1, 6, 7, 20])
    torch.testing.assert_close(points.of_rows(coordinates, chosen), found[:, chosen])


def test_default_coordinates_and_columns():
    case = CASES["mlp"]
    model, data = case.model(), case.data()
    directions = filter_normalised_directions(model)
    found = loss_surface(model, case.loss, [data], directions=directions, span=0.3, num_points=3)
    assert found.x.tolist() == pytest.approx([-0.3, 0, 0.3]) and float(found.x[1]) == 0
    assert float(found.losses[1, 1]) == pytest.approx(float(case.loss(model(data[0]), data[1]).detach()), rel=1e-12)
    columns = found.columns()
    assert columns["x"][:4] == pytest.approx([-0.3, -0.3, -0.3, 0]) and columns["y"][:4] == pytest.approx(
        [-0.3, 0, 0.3, -0.3]
    )
    assert columns["loss"] == found.losses.flatten().tolist() and len(columns["standard_error"]) == 9
    assert columns["num_rows"] == [len(data[0])] * 9 and columns["status"] == ["ok"] * 9
    default = loss_surface(model, case.loss, [data], directions=directions)
    for axis in (default.x, default.y):
        assert len(axis) == 41 and float(axis[0]) == -1 and float(axis[20]) == 0


def _crowd(spread):
    """Many rows, each moved by so much, and a network that has learned a little of them."""
    inputs, targets = rows(CROWD)
    inputs = inputs + spread
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 4))
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for part in torch.arange(CROWD).split(100):
        optimizer.zero_grad()
        functional.cross_entropy(model(inputs[part]), targets[part]).backward()
        optimizer.step()
    return model.eval().requires_grad_(True), [(inputs, targets)], filter_normalised_directions(model)


@pytest.fixture(scope="module")
def crowd():
    return _crowd(torch.zeros(CROWD, 6))


def _scores(crowd, seeds):
    """(value - truth) / standard error at the points of a line that are not anchors [seeds, points]."""
    model, batches, directions = crowd
    points = _points(Problem(model, functional.cross_entropy, batches), {"direction": directions[0]})
    axis = torch.linspace(-1, 1, 9, dtype=torch.float64)
    exact, *_ = grid_losses(points, [axis], None, None, None)
    scores = []
    for seed in range(seeds):
        losses, errors, counts, _ = grid_losses(points, [axis], 200, None, torch.Generator().manual_seed(seed))
        sampled = counts < CROWD
        assert not errors[~sampled].any()
        torch.testing.assert_close(losses[~sampled], exact[~sampled], rtol=1e-5, atol=0)
        scores.append(((losses - exact) / errors)[sampled])
    return torch.stack(scores)


def test_errors_of_sampled_rows_are_honest(crowd):
    scores = _scores(crowd, 200)
    assert scores.shape[1] == 9 - 5
    assert bool(((scores.var(0) > 0.8) & (scores.var(0) < 1.25)).all()), scores.var(0)
    assert float(scores.mean(0).abs().max()) < 4 / 200**0.5


def test_errors_of_heavy_tailed_rows_are_honest():
    """Student's t with 2.5 degrees of freedom: single rows weigh as much as hundreds of others."""
    spread = torch.from_numpy(np.random.default_rng(0).standard_t(2.5, (CROWD, 6)))
    scores = _scores(_crowd(spread.float()), 200)
    assert 0.8 < float(scores.var(0).mean()) < 1.25, scores.var(0)
    assert float(scores.var(0).max()) < 1.5
    assert float(scores.mean(0).abs().max()) < 0.5  # values that are too low come with errors that are


def test_rows_are_added_until_the_error_is_met(crowd):
    model, batches, directions = crowd
    options = {"directions": directions, "num_points": 7}
    exact = loss_surface(model, functional.cross_entropy, batches, **options)
    rough = loss_surface(model, functional.cross_entropy, batches, rows_per_point=100, **options)
    found = loss_surface(model, functional.cross_entropy, batches, rows_per_point=100, relative_error=0.01, **options)
    assert bool((found.standard_errors <= 0.01 * found.losses).all())
    assert float((rough.standard_errors / rough.losses).max()) > 0.01
    assert len(found.num_rows.unique()) > 1 and int(found.num_rows.min()) >= 100
    torch.testing.assert_close(found.losses, exact.losses, rtol=0.04, atol=0)
    everything = loss_surface(model, functional.cross_entropy, batches, relative_error=1e-9, **options)
    torch.testing.assert_close(everything.losses, exact.losses)
    assert not everything.standard_errors.any()
    unasked = loss_surface(model, functional.cross_entropy, batches, relative_error=0.01, **options)
    assert bool((unasked.standard_errors <= 0.01 * unasked.losses).all()) and int(unasked.num_rows.min()) < CROWD


def test_same_generator_same_numbers_and_torch_s_own_is_left_alone(crowd):
    model, batches, directions = crowd
    state = torch.get_rng_state()
    first, second = (
        loss_surface(model, functional.cross_entropy, batches, directions=directions, num_points=5, rows_per_point=80)
        for _ in range(2)
    )
    assert torch.equal(first.losses, second.losses) and torch.equal(first.standard_errors, second.standard_errors)
    assert torch.equal(state, torch.get_rng_state())


def test_losses_that_are_not_finite_become_a_status(crowd):
    model, batches, directions = crowd
    far = {key: change * 1e38 for key, change in directions[0].items()}
    for options in ({}, {"rows_per_point": 100}, {"relative_error": 0.1}):
        coordinates = torch.tensor([0.0, 5.0]), torch.tensor([0.0])
        found = loss_surface(
            model,
            functional.cross_entropy,
            batches,
            directions=[far, directions[1]],
            coordinates=coordinates,
            **options,
        )
        assert found.status == "non_finite"
        assert bool(found.losses[0].isfinite().all()) and not bool(found.losses[1].isfinite().any())


@pytest.mark.parametrize("name", ["mlp", "in-place", "autoencoder", "gru", "quantized"])
def test_the_model_is_left_as_it_came(name):
    case = CASES[name]
    model, data = case.model(), case.data()
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 7.0)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    inputs = data[0].clone()
    expected = model(data[0])
    loss_surface(model, case.loss, [data], directions=filter_normalised_directions(model), num_points=2)
    assert not model.training and torch.equal(data[0], inputs)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert all(bool((p.grad == 7).all()) and p.requires_grad for p in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())
    assert torch.equal(model(data[0]), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"directions": []}, "directions: got 0; expected 2"),
        ({"directions": [{"9.weight": torch.zeros(1)}] * 2}, r"directions\[0\]: got '9.weight'"),
        ({"coordinates": (torch.zeros(2, 2), torch.zeros(1))}, "coordinates: got shape"),
        ({"coordinates": (torch.zeros(0), torch.zeros(1))}, "coordinates: got shape"),
        ({"span": 0.0}, "span: got 0.0"),
        ({"num_points": 0}, "num_points: got 0"),
        ({"rows_per_point": 39}, "rows_per_point: got 39; expected at least 40"),
        ({"relative_error": 0.0}, "relative_error: got 0.0"),
    ],
)
def test_bad_options_are_told(options, message):
    case = CASES["mlp"]
    model = case.model()
    given = {"directions": filter_normalised_directions(model), **options}
    with pytest.raises(LowlandError, match=message):
        loss_surface(model, case.loss, [case.data()], **given)


def test_training_mode_and_empty_batches_are_refused():
    case = CASES["mlp"]
    directions = filter_normalised_directions(case.model())
    with pytest.raises(LowlandError, match="training mode"):
        loss_surface(case.model().train(), case.loss, [case.data()], directions=directions)
    with pytest.raises(LowlandError, match="got none"):
        loss_surface(case.model(), case.loss, [], directions=directions)


@pytest.mark.parametrize("name", ["mlp", "gru"])
def test_losses_that_are_no_means_over_rows_are_refused(name):
    case = CASES[name]
    model, data = case.model(), case.data()
    classes = model(data[0]).shape[1]
    directions = filter_normalised_directions(model)
    weighted = partial(functional.cross_entropy, weight=torch.arange(1.0, 1 + classes).double())
    for loss in (weighted, partial(functional.cross_entropy, reduction="sum")):
        with pytest.raises(LowlandError, match="expected the mean over independent rows"):
            loss_surface(model, loss, [data], directions=directions)


def test_networks_that_mix_rows_are_refused():
    case = CASES["batch statistics"]
    model = case.model()
    directions = filter_normalised_directions(model)
    with pytest.raises(LowlandError, match="outputs of one row depend on other rows"):
        loss_surface(model, case.loss, [case.data()], directions=directions)
