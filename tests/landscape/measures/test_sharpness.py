"""Baselines against dense oracles and their own invariances."""

import math

import pytest
import torch

from lowland.errors import LowlandError
from lowland.landscape import gradient_norm, normalised_sharpness, output_entropy, scaled_trace, weight_norm
from tests.cases import CASES, FakeIntegerNetwork
from tests.oracles import dense_gradient, dense_hessian


def test_scaled_trace():
    case = CASES["mlp"]
    model, rows = case.model(), case.data()
    weights = torch.cat([p.detach().flatten() for p in model.parameters()])
    expected = float((dense_hessian(model, case.loss, *rows).diagonal() * weights**2).sum())
    assert scaled_trace(model, case.loss, [rows]).value == pytest.approx(expected, rel=1e-10)


def test_normalised_sharpness():
    case = CASES["mlp"]
    model, (inputs, targets) = case.model(), case.data()
    outputs = model(inputs).detach()
    spread = float((outputs - outputs.mean(0)).square().mean().sqrt())
    expected = float(dense_hessian(model, lambda z, y: case.loss(z / spread, y), inputs, targets).trace())
    batches = list(zip(inputs.split(7), targets.split(7), strict=True))
    assert normalised_sharpness(model, case.loss, batches).value == pytest.approx(expected, rel=1e-10)


def test_normalised_sharpness_of_earlier_layers_ignores_the_size_of_the_outputs():
    case = CASES["mlp"]
    values = []
    for factor in (1.0, 50.0):
        model = case.model()
        model[4].weight.data *= factor
        model[4].bias.data *= factor
        model[4].requires_grad_(False)
        values.append(normalised_sharpness(model, case.loss, [case.data()]).value)
    assert values[1] == pytest.approx(values[0], rel=1e-9)


def test_constant_and_non_finite_outputs_have_no_normalised_sharpness():
    case = CASES["mlp"]
    inputs, targets = case.data()
    model = case.model()
    model[4].weight.data.zero_()
    assert normalised_sharpness(model, case.loss, [(inputs, targets)]).status == "undefined"
    assert normalised_sharpness(case.model(), case.loss, [(inputs * torch.inf, targets)]).status == "non_finite"


def test_weight_norm():
    model = CASES["mlp"].model()
    estimate = weight_norm(model)
    expected = math.sqrt(sum(float((p.detach() ** 2).sum()) for p in model.parameters()))
    assert (estimate.value, estimate.num_samples) == (pytest.approx(expected, rel=1e-12), 83)
    network = FakeIntegerNetwork()
    squares = sum(float(((network.codes[n] * network.scales[n]) ** 2).sum()) for n in network.codes)
    assert weight_norm(network).value == pytest.approx(math.sqrt(squares), rel=1e-12)


def test_gradient_norm():
    case = CASES["autoencoder"]
    model, rows = case.model(), case.data()
    expected = float(dense_gradient(model, case.loss, *rows).norm())
    assert gradient_norm(model, case.loss, [rows]).value == pytest.approx(expected, rel=1e-10)
    assert gradient_norm(model, case.loss, [(rows[0] * torch.inf, rows[1])]).status == "non_finite"


def test_output_entropy():
    even = output_entropy(torch.zeros(6, 5))
    assert (even.value, even.standard_error) == (pytest.approx(math.log(5)), pytest.approx(0))
    sure = output_entropy(torch.eye(3) * 1000)
    assert sure.value == pytest.approx(0)
    mixed = output_entropy(torch.tensor([[0.0, 0.0], [100.0, 0.0]]))
    assert mixed.value == pytest.approx(math.log(2) / 2)
    assert mixed.standard_error == pytest.approx(math.log(2) / 2)
    with pytest.raises(LowlandError, match="two classes or more"):
        output_entropy(torch.zeros(6, 1))


@pytest.mark.parametrize("name", ["lstm", "tanh"])
def test_normalised_sharpness_of_smooth_networks_is_sampled(name):
    case = CASES[name]
    model, rows = case.model(), case.data()
    outputs = model(rows[0]).detach()
    spread = float((outputs - outputs.mean(0)).square().mean().sqrt())
    expected = float(dense_hessian(model, lambda z, y: case.loss(z / spread, y), *rows).trace())
    found = normalised_sharpness(model, case.loss, [rows], num_probes=80)
    assert found.num_samples == 80 and abs(found.value - expected) < 4 * found.standard_error
    assert found.standard_error < 0.3 * expected


def test_weights_that_are_not_finite_have_no_scaled_trace():
    case = CASES["mlp"]
    model = case.model()
    model[0].weight.data[0, 0] = torch.inf
    assert scaled_trace(model, case.loss, [case.data()]).status == "non_finite"
