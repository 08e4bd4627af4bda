import copy

import pytest
import torch
from torch import nn

from lowland.landscape.measures.eigenvalues import hessian_eigenvalues
from lowland.training.recipe_base import Value
from lowland.training.recipes.sam import ascent, displaced, movable
from tests.quantization.convolutions import CASES
from tests.quantization.networks import float_network, rows, twin
from tests.training.fitting import LOSS, OPTIONS, data, equal_weights, fit, network, recipe

GENERATOR = torch.Generator()


def objective_on(inputs, targets, loss=LOSS):
    return lambda model: Value(loss(model(inputs), targets), None)


def gradients(model, objective, **chosen):
    model.zero_grad()
    value = recipe(kind="sam", **chosen).gradients(model, objective, GENERATOR)
    return value, {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def test_gradient_is_that_at_the_worst_point_nearby():
    """Against weights that are displaced by hand."""
    model, objective = network(), objective_on(*data())
    before = copy.deepcopy(model.state_dict())
    value, found = gradients(model, objective, rho=0.3)
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in before.items())

    other = network()
    objective(other).total.backward()
    length = torch.cat([p.grad.flatten() for p in other.parameters()]).norm()
    with torch.no_grad():
        for p in other.parameters():
            p += 0.3 * p.grad / length
    other.zero_grad()
    expected = objective(other).total
    expected.backward()
    assert torch.allclose(value.total, expected, rtol=1e-6)
    assert all(torch.allclose(found[name], p.grad, rtol=1e-4, atol=1e-7) for name, p in other.named_parameters())


def test_the_loss_there_is_higher():
    for model, pair in ((network(), data()), (twin(4), rows(64))):
        objective = objective_on(*pair)
        for adaptive in (False, True):
            value, _ = gradients(model, objective, rho=0.2, adaptive=adaptive)
            assert float(value.total.detach()) > float(objective(model).total.detach())


def test_a_vanishing_radius_is_plain_training():
    assert equal_weights(fit(network(), kind="sam", rho=1e-30).network, fit(network()).network)


def test_the_change_is_as_long_as_the_radius():
    parameters = {"weight": torch.randn(4, 3, generator=GENERATOR), "bias": torch.randn(4, generator=GENERATOR)}
    slopes = {name: torch.randn(p.shape, generator=GENERATOR) for name, p in parameters.items()}
    changes = ascent(parameters, slopes, rho=0.7, adaptive=False)
    assert float(torch.cat([c.flatten() for c in changes.values()]).norm()) == pytest.approx(0.7)
    adaptive = ascent(parameters, slopes, rho=0.7, adaptive=True)
    stretched = [adaptive["weight"] / (parameters["weight"].abs() + 0.01), adaptive["bias"]]
    assert float(torch.cat([c.flatten() for c in stretched]).norm()) == pytest.approx(0.7)


def test_no_gradient_is_no_change():
    changes = ascent({"bias": torch.ones(2)}, {"bias": torch.zeros(2)}, rho=1.0, adaptive=False)
    assert changes["bias"].tolist() == [0.0, 0.0]


def test_the_adaptive_change_follows_rescaled_layers():
    """Layers times 100 and 1/100 leave the function alone, and the change of each in proportion."""
    model = nn.Sequential(nn.Linear(3, 8, bias=False), nn.ReLU(), nn.Linear(8, 2, bias=False))
    with torch.no_grad():  # so large that what keeps zeros movable is nothing
        for layer in (model[0], model[2]):
            layer.weight.copy_(1e4 * (1 + torch.rand(layer.weight.shape, generator=GENERATOR.manual_seed(1))))

    def change(factors):
        scaled = copy.deepcopy(model).double()
        with torch.no_grad():
            scaled[0].weight.mul_(factors[0])
            scaled[2].weight.mul_(factors[1])
        inputs, targets = data()
        total = objective_on(inputs.double() * 1e-9, targets)(scaled).total
        parameters = movable(scaled)
        slopes = torch.autograd.grad(total, list(parameters.values()))
        return ascent(parameters, dict(zip(parameters, slopes, strict=True)), rho=0.1, adaptive=True)

    one, other = change((1, 1)), change((100, 0.01))
    assert torch.allclose(other["0.weight"], 100 * one["0.weight"], rtol=1e-2)
    assert torch.allclose(other["2.weight"], 0.01 * one["2.weight"], rtol=1e-2)


def test_twins_are_moved_behind_the_rounding():
    """Changes far below a step reach the outputs; before the rounding they would vanish."""
    quantized, (inputs, _) = twin(2), rows(32)
    quantized.eval()
    changes = {name: torch.full_like(p, 1e-3) for name, p in movable(quantized).items()}
    assert not any("scaling" in name for name in changes) and len(changes) == 6
    last = {name: torch.zeros_like(change) for name, change in changes.items()}
    last["layers.4.bias"] = changes["layers.4.bias"]
    outputs = quantized(inputs)
    assert torch.allclose(displaced(quantized, last)(inputs), outputs + 1e-3, atol=1e-6)
    assert not torch.equal(displaced(quantized, changes)(inputs), outputs)
    assert torch.equal(quantized(inputs), outputs)


def test_the_float_part_of_a_twin_is_moved_too():
    case = CASES["autoencoder"]
    quantized, inputs = case.twin(6), case.rows(8)
    names = {name.split(".")[1] for name in movable(quantized)}
    assert names == {"encoder_0", "encoder_3", "decoder"}
    changes = {name: torch.zeros_like(p) for name, p in movable(quantized).items()}
    assert torch.equal(displaced(quantized, changes)(inputs), quantized(inputs))
    changes["layers.decoder.5.bias"] += 0.5
    assert not torch.equal(displaced(quantized, changes)(inputs), quantized(inputs))


def test_it_ends_where_the_loss_is_flatter():
    pair, options = rows(256), OPTIONS.model_copy(update={"epochs": 30, "batch_size": 64})
    sharpest = {}
    for kind, chosen in {"plain": {"kind": "plain"}, "sam": {"kind": "sam", "rho": 0.2}}.items():
        found = fit(float_network(), options=options, training=pair, validation=pair, **chosen).network
        sharpest[kind] = float(hessian_eigenvalues(found, LOSS, [pair], generator=GENERATOR).values[0])
    assert sharpest["sam"] < 0.7 * sharpest["plain"]
