"""Trace and diagonal of the Hessian against dense Hessians in float64."""

import sys

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.landscape import Problem, hessian_diagonal, hessian_trace, mean_gradient
from lowland.landscape.curvature import layers as layers_module
from lowland.landscape.measures import hutchinson
from lowland.landscape.measures.trace import hessian_trace_by_layer, weighted_trace
from tests.cases import CASES, EXACT, REFUSED, TWICE
from tests.landscape.test_memory import peak_bytes
from tests.oracles import dense_gradient, dense_hessian


@pytest.mark.parametrize("name", EXACT)
def test_diagonal_trace_and_gradient_equal_the_dense_ones(name):
    case = CASES[name]
    model, (inputs, targets) = case.model(), case.data()
    dense = dense_hessian(model, case.loss, inputs, targets)
    diagonal = hessian_diagonal(model, case.loss, [(inputs, targets)])
    assert list(diagonal) == [n for n, _ in model.named_parameters()]
    flat = torch.cat([d.flatten() for d in diagonal.values()])
    torch.testing.assert_close(flat, dense.diagonal(), rtol=1e-10, atol=1e-13 * float(dense.abs().max()))

    trace = hessian_trace(model, case.loss, [(inputs, targets)], method="exact")
    assert trace.value == pytest.approx(float(dense.trace()), rel=1e-10)
    assert (trace.standard_error, trace.num_samples, trace.status) == (0.0, case.rows, "ok")
    assert hessian_trace(model, case.loss, [(inputs, targets)]) == trace

    gradient = mean_gradient(model, case.loss, [(inputs, targets)])
    flat_gradient = torch.cat([g.flatten() for g in gradient.values()])
    torch.testing.assert_close(flat_gradient, dense_gradient(model, case.loss, inputs, targets), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("name", ["mlp", "autoencoder"])
def test_batch_sizes_and_order_do_not_matter(name, monkeypatch):
    case = CASES[name]
    model, (inputs, targets) = case.model(), case.data()
    whole = hessian_diagonal(model, case.loss, [(inputs, targets)])
    pieces = list(zip(inputs.split(5), targets.split(5), strict=True))
    monkeypatch.setattr(layers_module, "PER_SAMPLE_ELEMENTS", 100)
    for batches in (pieces, pieces[::-1]):
        for part, full in zip(hessian_diagonal(model, case.loss, batches).values(), whole.values(), strict=True):
            torch.testing.assert_close(part, full, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "name", [name for name in REFUSED if name in TWICE and name not in ("batch statistics", "sigmoid output")]
)
def test_exact_is_refused_and_auto_falls_back(name):
    case = CASES[name]
    model, (inputs, targets) = case.model(), case.data()
    with pytest.raises(LowlandError, match="exact diagonal of the Hessian is not available"):
        hessian_trace(model, case.loss, [(inputs, targets)], method="exact")
    estimate = hessian_trace(model, case.loss, [(inputs, targets)], num_probes=20)
    truth = float(dense_hessian(model, case.loss, inputs, targets).trace())
    assert estimate.num_samples == 20
    assert abs(estimate.value - truth) < 4 * estimate.standard_error


def test_a_final_sigmoid_is_a_part_of_the_loss():
    case = CASES["sigmoid output"]
    model, (inputs, targets) = case.model(), case.data()
    trace = hessian_trace(model, case.loss, [(inputs, targets)])
    assert trace.value == pytest.approx(float(dense_hessian(model, case.loss, inputs, targets).trace()), rel=1e-10)
    assert (trace.standard_error, trace.num_samples) == (0.0, case.rows)


class _Dense:
    """A case's dense Hessian in the place of its products, which 200 seeds would make too slow."""

    def __init__(self, name: str) -> None:
        case = CASES[name]
        self.model, self.loss, self.rows = case.model(), case.loss, case.data()
        self.matrix = dense_hessian(self.model, self.loss, *self.rows)
        self.shapes = {name: p.shape for name, p in self.model.named_parameters()}
        self.size, self.like = len(self.matrix), torch.empty(0, dtype=torch.float64)

    def block(self, vectors):
        return vectors @ self.matrix

    def diagonal(self) -> dict[str, Tensor]:
        parts = self.matrix.diagonal().split([shape.numel() for shape in self.shapes.values()])
        return {name: part.view(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}


def _weights(model: nn.Module, *, signed: bool) -> dict[str, Tensor]:
    """Of sizes from 0 to 100, none for the last parameter."""
    draws = torch.Generator().manual_seed(11)
    found = {}
    for name, parameter in list(model.named_parameters())[:-1]:
        sizes = 10 ** torch.empty(parameter.shape, dtype=torch.float64).uniform_(-2, 2, generator=draws)
        signs = torch.randint(-1 if signed else 0, 2, parameter.shape, generator=draws)
        found[name] = sizes * signs
    return found


def _weighted_sum(dense: _Dense, weights: dict[str, Tensor]) -> float:
    diagonal = dense.diagonal()
    return float(sum((diagonal[name] * values).sum() for name, values in weights.items()))


@pytest.mark.parametrize(("method", "num_probes"), [("hutchinson", 50), ("hutch++", 60)])
def test_standard_errors_are_honest(method, num_probes, monkeypatch):
    """By layer, of the whole and weighted; at 50 and 20 independent samples Student's t would have 1.04 and 1.12."""
    dense = _Dense("mlp")
    module = sys.modules[hessian_trace_by_layer.__module__]  # the package exports functions only
    monkeypatch.setattr(module, "hessian_products", lambda _: dense)
    monkeypatch.setattr(hutchinson, "PROBES_AT_ONCE", 100)
    weights = _weights(dense.model, signed=True)
    truth = {"weighted": _weighted_sum(dense, weights), "total": float(dense.matrix.trace())}
    for parameter, part in dense.diagonal().items():
        layer = parameter.rpartition(".")[0]
        truth[layer] = truth.get(layer, 0.0) + float(part.sum())
    problem = Problem(dense.model, dense.loss, [dense.rows])
    scores: dict[str, list[float]] = {key: [] for key in truth}
    for seed in range(200):
        draws = torch.Generator().manual_seed(seed)
        options = {"method": method, "num_probes": num_probes, "generator": draws}
        found = hessian_trace_by_layer(problem, **options)
        estimates = {
            "weighted": weighted_trace(problem, weights=weights, **options),
            "total": found.total,
        } | found.layers
        for key, estimate in estimates.items():
            scores[key].append((estimate.value - truth[key]) / estimate.standard_error)
    assert set(scores) == {"weighted", "total", "0", "2", "4"}
    for sample in scores.values():
        assert 0.8 < torch.tensor(sample).var().item() < 1.25
        assert abs(torch.tensor(sample).mean().item()) < 4 / 200**0.5


@pytest.mark.parametrize(("name", "signed"), [("mlp", True), ("autoencoder", True), ("own parameter", False)])
def test_weighted_traces_equal_the_dense_ones(name, signed):
    dense = _Dense(name)
    weights = _weights(dense.model, signed=signed)
    subject = dense.model, dense.loss, [dense.rows]
    truth = _weighted_sum(dense, weights)
    exact = weighted_trace(*subject, weights)
    assert exact.value == pytest.approx(truth, rel=1e-10)
    assert (exact.standard_error, exact.num_samples, exact.status) == (0.0, len(dense.rows[0]), "ok")
    spanned = weighted_trace(*subject, weights, method="hutch++", num_probes=3 * dense.size)
    assert spanned.value == pytest.approx(truth, rel=1e-9)


@pytest.mark.parametrize(("name", "num_probes"), [("tanh", 100), ("lstm", 20)])
def test_weighted_traces_are_sampled_elsewhere(name, num_probes):
    dense = _Dense(name)
    weights = _weights(dense.model, signed=True)
    found = weighted_trace(dense.model, dense.loss, [dense.rows], weights, num_probes=num_probes)
    assert found.num_samples == num_probes
    assert 0 < abs(found.value - _weighted_sum(dense, weights)) < 4 * found.standard_error
    with pytest.raises(LowlandError, match="exact diagonal of the Hessian is not available"):
        weighted_trace(dense.model, dense.loss, [dense.rows], weights, method="exact")


def test_weights_err_less_inside_the_products_than_outside():
    """Uneven weights, as of biases and weights on different grids, cost a sample of H's own diagonal more."""
    dense = _Dense("mlp")
    weights = _weights(dense.model, signed=False)
    flat = torch.cat([weights.get(n, torch.zeros(s).double()).flatten() for n, s in dense.shapes.items()])
    pairs = dense.matrix.square().tril(-1)
    outside = float(((flat + flat[:, None]).square() * pairs).sum())
    inside = float((4 * flat * flat[:, None] * pairs).sum())
    found = weighted_trace(dense.model, dense.loss, [dense.rows], weights, method="hutchinson", num_probes=400)
    assert found.standard_error * 400**0.5 == pytest.approx(inside**0.5, rel=0.2)
    assert inside < outside / 2


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({}, "weights: got none"),
        ({"0.scale": torch.ones(1)}, "'0.scale' is no trainable parameter of the model; expected some of 0.weight"),
        ({"0.bias": torch.ones(5)}, r"got finite values of shape \(5,\); expected finite ones .* shape \(6,\)"),
        ({"0.bias": torch.full((6,), torch.nan)}, "got non-finite values"),
    ],
)
def test_bad_weights_are_told(weights, message):
    case = CASES["mlp"]
    with pytest.raises(LowlandError, match=message):
        weighted_trace(case.model(), case.loss, [case.data()], weights)


def test_the_method_that_errs_less_where_the_spectrum_falls_is_hutch_plus_plus():
    case = CASES["mlp"]
    errors = {
        method: hessian_trace(case.model(), case.loss, [case.data()], method=method, num_probes=90).standard_error
        for method in ("hutchinson", "hutch++")
    }
    assert errors["hutch++"] < errors["hutchinson"] / 2


@pytest.mark.parametrize("method", ["hutchinson", "hutch++"])
def test_memory_does_not_grow_with_the_probes(method):
    """But for the basis of Hutch++, a third of them."""
    model = nn.Sequential(nn.Linear(20, 200), nn.ReLU(), nn.Linear(200, 20)).eval()
    rows = torch.randn(50, 20), torch.randint(0, 20, (50,))
    vector = sum(p.nbytes for p in model.parameters())

    def peak(num_probes):
        return peak_bytes(
            lambda: hessian_trace(model, functional.cross_entropy, [rows], method=method, num_probes=num_probes)
        )

    few, many = peak(12), peak(120)
    kept = (120 - 12) // 3 * vector if method == "hutch++" else 0
    assert many <= few + 1.2 * kept + 0.5 * vector


def test_hutch_plus_plus_is_exact_where_its_basis_spans_the_range():
    case = CASES["mlp"]
    model, (inputs, targets) = case.model(), case.data()
    truth = float(dense_hessian(model, case.loss, inputs, targets).trace())
    estimate = hessian_trace(model, case.loss, [(inputs, targets)], method="hutch++", num_probes=300)
    assert estimate.value == pytest.approx(truth, rel=1e-9)
    assert estimate.standard_error < 1e-9 * truth


@pytest.mark.parametrize("name", ["mlp", "autoencoder", "own parameter"])
def test_layers_sum_to_the_whole(name):
    case = CASES[name]
    model, (inputs, targets) = case.model(), case.data()
    diagonal = dense_hessian(model, case.loss, inputs, targets).diagonal()
    truth = {}
    sizes = [p.numel() for p in model.parameters()]
    for (parameter, _), part in zip(model.named_parameters(), diagonal.split(sizes), strict=True):
        layer = parameter.rpartition(".")[0] or parameter
        truth[layer] = truth.get(layer, 0.0) + float(part.sum())
    for method in ("exact", "auto", "hutchinson", "hutch++"):
        found = hessian_trace_by_layer(model, case.loss, [(inputs, targets)], method=method)
        assert list(found.layers) == list(truth)
        assert found.total.value == pytest.approx(sum(e.value for e in found.layers.values()), rel=1e-9)
        assert found.total == hessian_trace(model, case.loss, [(inputs, targets)], method=method)
        for layer, estimate in found.layers.items():
            assert abs(estimate.value - truth[layer]) <= max(4 * estimate.standard_error, 1e-10 * abs(truth[layer]))
            assert estimate.status == "ok"
        assert [(row.measure, row.target) for row in found.rows()] == [("hessian_trace", layer) for layer in truth]


def test_default_probes_are_repeatable_and_leave_torch_s_generator_alone():
    case = CASES["mlp"]
    state = torch.get_rng_state()
    first, second = (hessian_trace(case.model(), case.loss, [case.data()], method="hutchinson") for _ in range(2))
    assert first == second
    assert torch.equal(state, torch.get_rng_state())


def test_float32_agrees_with_float64():
    case = CASES["mlp"]
    inputs, targets = case.data()
    single = hessian_trace(case.model().float(), case.loss, [(inputs.float(), targets)]).value
    assert single == pytest.approx(hessian_trace(case.model(), case.loss, [case.data()]).value, rel=1e-5)


def test_frozen_parameters_do_not_count():
    case = CASES["mlp"]
    model = case.model()
    model[0].requires_grad_(False)
    model[2].bias.requires_grad_(False)
    diagonal = hessian_diagonal(case.model(), case.loss, [case.data()])
    kept = hessian_diagonal(model, case.loss, [case.data()])
    assert list(kept) == ["2.weight", "4.weight", "4.bias"]
    for name, values in kept.items():
        torch.testing.assert_close(values, diagonal[name])


@pytest.mark.parametrize("name", ["mlp", "in-place", "autoencoder", "quantized"])
def test_the_model_is_left_as_it_came(name):
    case = CASES[name]
    model = case.model()
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 7.0)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    inputs, targets = case.data()
    copies = inputs.clone(), targets.clone()
    for method in ("exact", "hutchinson", "hutch++"):
        hessian_trace(model, case.loss, [(inputs, targets)], method=method, num_probes=6)
    assert not model.training
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert all(bool((p.grad == 7).all()) and p.requires_grad for p in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())
    assert torch.equal(inputs, copies[0]) and torch.equal(targets, copies[1]) and not inputs.requires_grad


def test_non_finite_losses_become_a_status():
    case = CASES["mlp"]
    model, (inputs, targets) = case.model(), case.data()
    with torch.no_grad():
        model[0].weight[0, 0] = torch.inf
    for method in ("auto", "exact", "hutchinson", "hutch++"):
        assert hessian_trace(model, case.loss, [(inputs, targets)], method=method, num_probes=6).status == "non_finite"


def test_one_bad_batch_spoils_the_whole():
    case = CASES["mlp"]
    inputs, targets = case.data()
    batches = [(inputs, targets), (inputs * torch.nan, targets)]
    assert hessian_trace(case.model(), case.loss, batches).status == "non_finite"


def test_a_loss_linear_in_the_outputs_has_no_curvature_on_the_diagonal():
    case = CASES["mlp"]
    estimate = hessian_trace(case.model(), lambda z, y: z.sum(1).mean(), [case.data()])
    assert (estimate.value, estimate.status) == (0.0, "ok")


def _unused() -> nn.Module:
    model = CASES["mlp"].model()
    model.register_parameter("spare", nn.Parameter(torch.zeros(2, dtype=torch.float64)))
    return model


@pytest.mark.parametrize(
    ("build", "batches", "options", "message"),
    [
        (lambda: CASES["mlp"].model().train(), "good", {}, "training mode"),
        (lambda: CASES["mlp"].model(), [], {}, "got none; expected at least one pair"),
        (lambda: CASES["mlp"].model(), "rows", {}, "expected a pair"),
        (lambda: CASES["mlp"].model(), [(torch.zeros(0, 4), torch.zeros(0))], {}, "got 0 inputs and 0 targets"),
        (lambda: CASES["mlp"].model(), [(torch.zeros(3, 4), torch.zeros(2))], {}, "got 3 inputs and 2 targets"),
        (lambda: CASES["mlp"].model(), [(torch.zeros(3, 4, device="meta"), torch.zeros(3))], {}, "inputs are on meta"),
        (lambda: CASES["mlp"].model().requires_grad_(False), "good", {}, "no parameter that requires gradients"),
        (_unused, "good", {}, "parameter 'spare' gets no gradient"),
        (_unused, "good", {"method": "hutchinson"}, "parameter 'spare' gets no gradient"),
        (lambda: CASES["mlp"].model(), "good", {"method": "guess"}, "method: got 'guess'"),
        (lambda: CASES["mlp"].model(), "good", {"num_probes": 1}, "num_probes: got 1"),
        (lambda: CASES["mlp"].model(), "good", {"method": "hutch++", "num_probes": 5}, "expected at least 6"),
    ],
)
def test_bad_input_is_told(build, batches, options, message):
    data = CASES["mlp"].data()
    given = {"good": [data], "rows": data}.get(batches, batches) if isinstance(batches, str) else batches
    with pytest.raises(LowlandError, match=message):
        hessian_trace(build(), functional.cross_entropy, given, **options)
