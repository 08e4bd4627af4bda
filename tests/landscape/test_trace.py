"""Trace and diagonal of the Hessian against dense Hessians in float64."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.landscape import hessian_diagonal, hessian_trace, mean_gradient
from lowland.landscape import layers as layers_module
from lowland.landscape.trace import _deflated, _plain, hessian_trace_by_layer
from tests.cases import CASES, EXACT, REFUSED, TWICE
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


@pytest.mark.parametrize("name", [name for name in REFUSED if name in TWICE])
def test_exact_is_refused_and_auto_falls_back(name):
    case = CASES[name]
    model, (inputs, targets) = case.model(), case.data()
    with pytest.raises(LowlandError, match="exact diagonal of the Hessian is not available"):
        hessian_trace(model, case.loss, [(inputs, targets)], method="exact")
    estimate = hessian_trace(model, case.loss, [(inputs, targets)])
    truth = float(dense_hessian(model, case.loss, inputs, targets).trace())
    assert estimate.num_samples == 100
    assert abs(estimate.value - truth) < 4 * estimate.standard_error


class _Matrix:
    """A dense symmetric matrix as the estimators see a Hessian: a falling spectrum, positive or of both signs."""

    def __init__(self, signs: int) -> None:
        draws = torch.Generator().manual_seed(0)
        basis = torch.linalg.qr(torch.randn(40, 40, generator=draws, dtype=torch.float64))[0]
        values = 0.8 ** torch.arange(40.0, dtype=torch.float64)
        self.matrix = basis @ torch.diag(values * torch.tensor([1.0, signs]).repeat(20)) @ basis.T
        self.size, self.like = 40, torch.empty(0, dtype=torch.float64)

    def block(self, vectors):
        return vectors @ self.matrix


@pytest.mark.parametrize("signs", [1, -1])
@pytest.mark.parametrize(("estimator", "num_probes"), [(_plain, 50), (_deflated, 60)])
def test_standard_errors_are_honest(estimator, num_probes, signs):
    """At 50 and 20 independent samples Student's t would have a variance of 1.04 and 1.12."""
    matrix = _Matrix(signs)
    truth = float(matrix.matrix.trace())
    scores = []
    for seed in range(200):
        known, samples = estimator(matrix, num_probes, torch.Generator().manual_seed(seed))
        estimate = Estimate.from_samples((known + samples).sum(1))
        scores.append((estimate.value - truth) / estimate.standard_error)
    assert 0.8 < torch.tensor(scores).var().item() < 1.25
    assert abs(torch.tensor(scores).mean().item()) < 4 / 200**0.5


def test_hutch_plus_plus_errs_less_where_the_spectrum_falls():
    matrix = _Matrix(1)
    errors = {}
    for estimator in (_plain, _deflated):
        known, samples = estimator(matrix, 45, torch.Generator().manual_seed(0))
        errors[estimator] = Estimate.from_samples((known + samples).sum(1)).standard_error
    assert errors[_deflated] < errors[_plain] / 2


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
