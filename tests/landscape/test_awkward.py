"""Networks, losses and data that once came out wrong in silence, or ended in an error of torch's."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.landscape import (
    Problem,
    expected_sharpness,
    filter_normalised_directions,
    gradient_norms,
    hessian_eigenvalues,
    hessian_trace,
    loss_surface,
    mean_gradient,
    noise_mismatch_curvature,
    pyhessian_eigenvalues,
)
from lowland.landscape.curvature.products import HessianProducts
from tests.landscape.zoo import Made
from tests.oracles import dense_gradient, dense_hessian


def _data(rows, *shape, seed=0, classes=3):
    draws = torch.Generator().manual_seed(seed)
    inputs = torch.randn(rows, *shape, generator=draws, dtype=torch.float64)
    return inputs, torch.randint(0, classes, (rows,), generator=draws)


def _made(call, **parts):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return Made(call, **{name: build() for name, build in parts.items()}).double().eval()


def _two(call):
    return _made(call, a=lambda: nn.Linear(4, 5), b=lambda: nn.Linear(5, 3))


def _norms(model, loss, inputs, targets):
    return torch.stack(
        [dense_gradient(model, loss, inputs[i : i + 1], targets[i : i + 1]).norm() for i in range(len(inputs))]
    )


def _sorted_rows(self, x):
    order = torch.argsort((x[:, 0] > 2.5).long(), stable=True)
    return self.b(self.a(x[order]).relu())[torch.argsort(order)]


def _some_rows(self, x):
    hidden = self.a(x).relu()
    chosen = x[:, 0] < 2.2
    return self.b(hidden.index_put((chosen,), hidden[chosen] + self.c(hidden[chosen])))


CUT = {
    "in small batches": lambda: _two(lambda s, x: torch.cat([s.b(s.a(part).relu()) for part in x.split(32)])),
    "in two above a hundred rows": lambda: _two(
        lambda s, x: torch.cat([s.b(s.a(part).relu()) for part in x.split(100)])
    ),
    "sorted": lambda: _two(_sorted_rows),
    "a layer for some rows": lambda: _made(
        _some_rows, a=lambda: nn.Linear(4, 5), b=lambda: nn.Linear(5, 3), c=lambda: nn.Linear(5, 5)
    ),
}


@pytest.mark.parametrize("kind", list(CUT))
def test_formulas_are_held_against_autograd_on_every_row(kind):
    model, (inputs, targets) = CUT[kind](), _data(300, 4)
    loss = functional.cross_entropy
    assert bool((inputs[:, 0] > 2.5).any()) and bool((inputs[:8, 0] < 2.2).all())
    found = hessian_trace(model, loss, [(inputs, targets)])
    assert found.standard_error == 0
    assert found.value == pytest.approx(float(dense_hessian(model, loss, inputs, targets).trace()), rel=1e-9)
    torch.testing.assert_close(
        gradient_norms(model, loss, [(inputs, targets)]).norms, _norms(model, loss, inputs, targets)
    )


def _poisson(outputs, targets):
    return functional.poisson_nll_loss(outputs, targets, log_input=False)


def _idle_clamp(highest):
    return _made(
        lambda s, x: torch.exp(s.b(s.a(x).relu())).clamp(max=highest),
        a=lambda: nn.Linear(4, 5),
        b=lambda: nn.Linear(5, 2),
    )


def test_what_follows_an_activation_keeps_it_in_the_network():
    """A clamp that acts on one row of many, and not at all where the surface begins."""
    inputs, _ = _data(600, 4)
    inputs *= 0.1
    inputs[500] *= 200
    targets = torch.rand(600, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    model = _idle_clamp(2.0)
    assert 1 <= int((model(inputs) == 2.0).sum()) <= 2
    problem = Problem(model, _poisson, [(inputs, targets)])
    assert problem.obstacle
    gradient = torch.cat([g.flatten() for g in mean_gradient(problem).values()])
    torch.testing.assert_close(gradient, dense_gradient(model, _poisson, inputs, targets))
    model, calm = _idle_clamp(4.0), inputs[:100]
    assert bool((model(calm) < 4).all())
    problem = Problem(model, _poisson, [(calm, targets[:100])])
    directions = filter_normalised_directions(problem)
    far = torch.tensor([5.0], dtype=torch.float64)
    surface = loss_surface(problem, directions=directions, coordinates=(far, far))
    moved = copy.deepcopy(model)
    with torch.no_grad():
        for name, p in moved.named_parameters():
            p += 5 * (directions[0][name] + directions[1][name])
    assert bool((moved(calm) == 4).any())
    expected = float(_poisson(moved(calm), targets[:100]).detach())
    assert float(surface.losses) == pytest.approx(expected, rel=1e-9)


def test_an_activation_that_is_never_called_stays_where_it_is():
    model = _made(lambda s, x: s.b(s.a(x).relu()).abs(), a=lambda: nn.Linear(4, 5), b=lambda: nn.Linear(5, 2), c=nn.ELU)
    inputs, _ = _data(50, 4)
    problem = Problem(model, functional.mse_loss, [(inputs, inputs[:, :2])])
    assert problem.model is problem.whole


def test_a_number_of_calls_that_depends_on_the_data_leaves_the_activation_alone():
    def call(s, x):
        hidden = s.a(x)
        if bool((x[:, 0] > 1).any()):
            hidden = torch.where(x[:, :1] > 1, hidden.tanh(), hidden)
        return torch.sigmoid(s.b(hidden))

    model, (inputs, _) = _two(call), _data(200, 4)
    inputs = inputs[inputs[:, 0].argsort(descending=True)]
    batches = [(part, part[:, :3]) for part in inputs.split(100)]
    assert bool((batches[1][0][:, 0] <= 1).all()) and bool((batches[0][0][:, 0] > 1).any())
    gradient = torch.cat([g.flatten() for g in mean_gradient(model, functional.mse_loss, batches).values()])
    torch.testing.assert_close(gradient, dense_gradient(model, functional.mse_loss, inputs, inputs[:, :3]))


def test_a_problem_whose_parameters_or_data_changed_is_refused():
    for change in ("parameters", "data"):
        model, (inputs, targets) = _two(lambda s, x: s.b(s.a(x).relu())), _data(20, 4)
        problem = Problem(model, functional.cross_entropy, [(inputs, targets)])
        hessian_eigenvalues(problem)
        with torch.no_grad():
            model.a.weight.mul_(2) if change == "parameters" else inputs.mul_(2)
        with pytest.raises(LowlandError, match="have changed since it was made; expected the same"):
            hessian_trace(problem)


def test_other_rows_are_looked_at_for_bends_of_their_own():
    model = _two(lambda s, x: s.b(torch.where(s.a(x) > 3, s.a(x) ** 2 / 3, s.a(x))))
    inputs, targets = _data(60, 4)
    small = Problem(model, functional.cross_entropy, [(0.1 * inputs, targets)])
    assert not small.bends and small.on([(10 * inputs, targets)]).bends


def test_gaps_that_the_model_fills_do_not_hide_that_it_mixes_rows():
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, track_running_stats=False)).double().eval()
    filled = _made(lambda s, x: s.a(x.nan_to_num(0)), a=lambda: model)
    inputs, targets = _data(30, 4)
    inputs[:, 1] = torch.nan
    with pytest.raises(LowlandError, match="outputs of one row depend on other rows"):
        hessian_trace(filled, functional.cross_entropy, [(inputs, targets)])


def test_ignored_pixels_are_found_in_few_rows():
    model = _made(lambda s, x: s.a(x), a=lambda: nn.Conv1d(2, 3, 1))
    inputs, _ = _data(400, 2, 6)
    targets = torch.randint(0, 3, (400, 6), generator=torch.Generator().manual_seed(2))
    targets[::40, :4] = -100
    with pytest.raises(LowlandError, match="expected the mean over independent rows"):
        hessian_trace(model, functional.cross_entropy, [(inputs, targets)])


def test_several_outputs_side_by_side_decide_nothing():
    model = _two(lambda s, x: (s.b(s.a(x)), s.a(x).sigmoid()))
    found = noise_mismatch_curvature(model, [_data(20, 4)], covariance=torch.ones(4))
    assert found.status == "undefined"


def test_pyhessian_takes_outputs_side_by_side_and_leaves_the_model_alone():
    model = _made(lambda s, x: s.a(x).squeeze(1), a=lambda: nn.Linear(4, 1))
    inputs, _ = _data(30, 4)
    found = pyhessian_eigenvalues(model, functional.mse_loss, [(inputs, inputs[:, 0])], tolerance=1e-6)
    own = hessian_eigenvalues(model, functional.mse_loss, [(inputs, inputs[:, 0])], tolerance=1e-6)
    assert found.largest.value == pytest.approx(own.largest.value, rel=1e-3)
    assert all(p.grad is None for p in model.parameters())


IN_PLACE = {
    "a leading activation": lambda: nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 3)).double().eval(),
    "the inputs": lambda: _two(lambda s, x: s.b(s.a(x.sub_(0.5)).relu())),
    "an output activation": lambda: nn.Sequential(nn.Linear(4, 3), nn.ELU(inplace=True)).double().eval(),
    "a function of the outputs": lambda: _two(lambda s, x: functional.silu(s.b(s.a(x).relu()), inplace=True)),
}


@pytest.mark.parametrize("kind", list(IN_PLACE))
def test_what_works_in_place_has_values_and_leaves_the_data(kind):
    model, (inputs, _) = IN_PLACE[kind](), _data(40, 4)
    targets, before = inputs[:, :3].clone(), inputs.clone()
    truth = dense_hessian(model, functional.mse_loss, inputs.clone(), targets)
    problem = Problem(model, functional.mse_loss, [(inputs, targets)])
    assert hessian_trace(problem).value == pytest.approx(float(truth.trace()), rel=1e-9)
    largest = float(torch.linalg.eigvalsh(truth)[-1])
    assert hessian_eigenvalues(problem).largest.value == pytest.approx(largest, rel=1e-3)
    norms = _norms(model, functional.mse_loss, before.clone(), targets)
    torch.testing.assert_close(gradient_norms(problem).norms, norms)
    assert expected_sharpness(problem, relative_size=0.01, num_draws=2).status == "ok"
    assert torch.equal(inputs, before)


LOSSES = {
    "in place": (lambda z, y: z.sub_(functional.one_hot(y, 3)).square().mean(), 3),
    "squeezed": (lambda z, y: functional.binary_cross_entropy_with_logits(z.squeeze(), (y > 0).to(z)), 1),
}


@pytest.mark.parametrize("kind", list(LOSSES))
def test_losses_of_other_habits(kind):
    loss, width = LOSSES[kind]
    model = _made(lambda s, x: s.a(x), a=lambda: nn.Linear(4, width))
    inputs, targets = _data(25, 4)
    truth = dense_hessian(model, lambda z, y: loss(z.clone(), y), inputs, targets)
    found = hessian_trace(model, loss, [(inputs, targets)])
    assert found.value == pytest.approx(float(truth.trace()), rel=1e-9) and found.standard_error == 0
    assert hessian_eigenvalues(model, loss, [(inputs, targets)]).largest.status == "ok"


def test_an_expert_for_few_rows_takes_part():
    def call(s, x):
        chosen = x[:, 0] > 1
        outputs = s.b(x)
        return outputs.index_put((chosen,), s.a(x[chosen])) if bool(chosen.any()) else outputs

    model = _made(call, a=lambda: nn.Linear(4, 3), b=lambda: nn.Linear(4, 3))
    inputs, targets = _data(60, 4)
    inputs = inputs[inputs[:, 0].argsort()]
    batches = list(zip(inputs.split(20), targets.split(20), strict=True))
    found = torch.cat([g.flatten() for g in mean_gradient(model, functional.cross_entropy, batches).values()])
    torch.testing.assert_close(found, dense_gradient(model, functional.cross_entropy, inputs, targets))
    trace = hessian_trace(model, functional.cross_entropy, batches)
    dense = dense_hessian(model, functional.cross_entropy, inputs, targets)
    assert trace.value == pytest.approx(float(dense.trace()), rel=1e-9)


def test_batches_of_pictures_of_several_sizes():
    model = _made(
        lambda s, x: s.b(s.a(x).relu()).mean((2, 3)), a=lambda: nn.Conv2d(1, 2, 2), b=lambda: nn.Conv2d(2, 3, 1)
    )
    first, second = _data(6, 1, 4, 4), _data(9, 1, 3, 5, seed=1)
    loss, batches = functional.cross_entropy, [first, second]
    dense = (6 * dense_hessian(model, loss, *first) + 9 * dense_hessian(model, loss, *second)) / 15
    assert hessian_trace(model, loss, batches).value == pytest.approx(float(dense.trace()), rel=1e-9)
    largest = float(torch.linalg.eigvalsh(dense)[-1])
    assert hessian_eigenvalues(model, loss, batches).largest.value == pytest.approx(largest, rel=1e-3)
    gradient = (6 * dense_gradient(model, loss, *first) + 9 * dense_gradient(model, loss, *second)) / 15
    found = torch.cat([g.flatten() for g in mean_gradient(model, loss, batches).values()])
    torch.testing.assert_close(found, gradient)


REFUSED = {
    "float64 inputs of a float32 model": (
        lambda: nn.Linear(4, 3).eval(),
        r"the parameters' type: inputs.to\(torch.float32\)",
    ),
    "an embedding that scales its weights": (
        lambda: _made(
            lambda s, x: s.b(s.a(x.long().abs() % 5).mean(1)),
            a=lambda: nn.Embedding(5, 4, max_norm=0.5),
            b=lambda: nn.Linear(4, 3),
        ),
        "a call changes its own tensor 'a.weight'",
    ),
    "as many recurrent layers as rows are tried": (
        lambda: nn.LSTM(4, 3, num_layers=3, batch_first=True).double().eval(),
        "expected tensors with one entry for each row",
    ),
}


@pytest.mark.parametrize("kind", list(REFUSED))
def test_one_line_says_what_to_do(kind):
    build, message = REFUSED[kind]
    model = build()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    inputs, targets = _data(20, 6, 4) if "layers" in kind else _data(20, 4)
    with pytest.raises(LowlandError, match=message) as caught:
        hessian_trace(model, functional.cross_entropy, [(inputs, targets)])
    assert "\n" not in str(caught.value)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_what_cannot_be_a_pair_is_told():
    with pytest.raises(LowlandError, match="expected a pair"):
        hessian_trace(nn.Linear(4, 3).eval(), functional.cross_entropy, [5])


def test_gradients_that_are_switched_off_are_told():
    model, rows = _two(lambda s, x: s.b(s.a(x))), _data(20, 4)
    with torch.no_grad(), pytest.raises(LowlandError, match="gradients are switched off"):
        hessian_trace(model, functional.cross_entropy, [rows])


def test_a_hessian_that_is_zero_up_to_rounding_is_symmetric():
    model = nn.Sequential(nn.Linear(4, 3), nn.Softmax(1), nn.Tanh()).double().eval()
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].bias.zero_()
    found = hessian_eigenvalues(model, lambda z, y: z.sum(1).mean(), [_data(20, 4)])
    assert found.largest.status in ("ok", "not_converged") and abs(found.largest.value) < 1e-6


def test_a_saturated_network_is_not_taken_for_a_wrong_derivative():
    """Curvature is what float32 leaves of 1 - p: two products differ by more than rounding of their own size allows."""

    class Saturated(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = nn.Linear(2, 16), nn.Linear(16, 16), nn.Linear(16, 2)

        def forward(self, inputs):
            return self.c(functional.hardtanh(self.b(functional.hardtanh(self.a(inputs)))))

    torch.manual_seed(0)
    model, inputs = Saturated(), torch.randn(200, 2)
    inputs += 0.5 * torch.sign(inputs.sum(1, keepdim=True))
    targets = (inputs.sum(1) > 0).long()
    with torch.no_grad():  # a straight line that is as sure as float32 can be
        model.a.weight.copy_(0.2 + 0.01 * torch.randn(16, 2))
        model.b.weight.copy_(torch.eye(16) + 0.01 * torch.randn(16, 16))
        model.c.weight.copy_(torch.stack([-torch.ones(16), torch.ones(16)]) * 2.0)
        for layer in (model.a, model.b, model.c):
            layer.bias.zero_()
    products = HessianProducts(Problem(model.eval(), functional.cross_entropy, [(inputs, targets)]), chains=False)
    found = products(torch.ones(products.size))
    assert 0 < float(found.norm()) < 1e-3
    wide = Problem(model.double(), functional.cross_entropy, [(inputs.double(), targets)])
    exact = HessianProducts(wide, chains=False)(torch.ones(products.size, dtype=torch.float64))
    assert float((found - exact).norm()) < 0.5 * float(exact.norm())  # few digits, not another function
