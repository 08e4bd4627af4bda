from types import SimpleNamespace

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from lowland.errors import LowlandError
from lowland.perturbation import Ball, FeatureRanges, fgsm
from lowland.training.recipe_base import Batch
from lowland.training.recipes.adversarial import Adversarial
from tests.quantization.networks import rows, twin
from tests.training.fitting import LOSS, OPTIONS, data, fit, network, of_samples, recipe

SAMPLE_LOSSES = of_samples(LOSS)
ONE_STEP = {"kind": "adversarial", "num_steps": 1, "random_start": False}


def batch_of(pair):
    return Batch(*pair, LOSS, SAMPLE_LOSSES)


def disturbed(model, pair, *, ranges=None, seed=0, **chosen):
    given = ranges or FeatureRanges.of(pair[0])
    return recipe(**chosen).disturbed(batch_of(pair), model, given, torch.Generator().manual_seed(seed))


def normalised():
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 2))


@pytest.mark.parametrize("make", [network, normalised])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_radius_zero_is_plain_training(make, norm):
    """To the last byte, with dropout and batch normalisation in the network."""
    found = {}
    for kind, chosen in {
        "plain": {"kind": "plain"},
        "zero": {"kind": "adversarial", "radius": 0, "norm": norm, "num_steps": 2},
    }.items():
        torch.manual_seed(0)
        found[kind] = fit(make(), **chosen)
    states = [result.network.state_dict() for result in found.values()]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert found["plain"].curves.equals(found["zero"].curves)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("make, pair", [(network, data()), (lambda: twin(4), rows(32))], ids=["float", "twin"])
def test_one_step_is_fgsm(make, pair, norm):
    model = make()
    ranges = FeatureRanges.of(pair[0])
    found = disturbed(model, pair, norm=norm, radius=0.3, **ONE_STEP)
    ball = Ball(norm, 0.3, ranges.deviation, ranges.limits)
    assert torch.equal(found.inputs, fgsm(model.eval(), SAMPLE_LOSSES, *pair, ball=ball).inputs)
    assert found.targets is pair[1] and found.loss is LOSS


def test_one_step_is_along_the_signs_of_the_gradient_in_standard_deviations():
    """By autograd alone."""
    model, (inputs, targets) = network(), data()
    inputs = inputs * torch.tensor([1.0, 10.0, 0.1])
    variable = inputs.clone().requires_grad_()
    (slope,) = torch.autograd.grad(LOSS(model(variable), targets), variable)
    expected = inputs + 0.3 * inputs.std(0, correction=0) * slope.sign()
    found = disturbed(model, (inputs, targets), radius=0.3, **ONE_STEP)
    assert torch.allclose(found.inputs, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_it_stays_in_the_ball_and_within_what_sensors_read_and_raises_the_loss(norm):
    model, (inputs, targets) = network(), data()
    inputs = inputs.clamp(-1, 1)
    ranges = FeatureRanges.of(inputs, limits=(-1.0, 1.0))
    found = disturbed(model, (inputs, targets), ranges=ranges, kind="adversarial", norm=norm, radius=0.5, num_steps=4)
    size = Ball(norm, 0.5, ranges.deviation).size(inputs, found.inputs)
    assert float(size.max()) <= 0.5 and float(size.median()) > 0.4 and float(found.inputs.abs().max()) <= 1
    with torch.no_grad():
        assert float(LOSS(model(found.inputs), targets)) > float(LOSS(model(inputs), targets)) + 0.01


def test_starts_are_drawn_from_the_generator_alone():
    first, again, other = (
        disturbed(network(), data(), seed=seed, kind="adversarial", radius=0.3, num_steps=2).inputs
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


class Spy(nn.Module):
    """Notes how it is called."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, inputs):
        self.seen.append((self.training, torch.backends.cudnn.enabled))
        return inputs


def test_the_network_is_attacked_as_deployed_and_left_as_it_came():
    """Frozen batch normalisation stays in evaluation mode, and nothing is left of gradients or statistics."""
    spy = Spy()
    model = nn.Sequential(spy, normalised(), nn.BatchNorm1d(2)).train()
    model[2].eval()
    modes = [module.training for module in model.modules()]
    before, enabled = (
        {name: tensor.clone() for name, tensor in model.state_dict().items()},
        torch.backends.cudnn.enabled,
    )
    disturbed(model, data(), kind="adversarial", radius=0.3, num_steps=3)
    assert spy.seen == [(False, enabled)] * 4
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.spy, self.gru, self.head = Spy(), nn.GRU(3, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, inputs):
        return self.head(self.gru(self.spy(inputs))[0][:, -1])


def test_recurrent_networks_are_attacked_without_cudnn():
    """It has no derivatives of them in evaluation mode."""
    inputs = torch.randn(16, 5, 3, generator=torch.Generator().manual_seed(0))
    model, enabled = Recurrent(), torch.backends.cudnn.enabled
    found = disturbed(model, (inputs, (inputs.sum((1, 2)) > 0).long()), kind="adversarial", radius=0.1, num_steps=1)
    assert not torch.equal(found.inputs, inputs)
    assert model.spy.seen == [(False, False)] * 2 and torch.backends.cudnn.enabled == enabled


def test_it_withstands_what_it_was_trained_on():
    """In a task with a sure small feature and large weak ones: what Tsipras et al. 2019 separate."""
    source = torch.Generator().manual_seed(0)
    targets = torch.arange(512) % 2
    signs = 2.0 * targets[:, None] - 1
    strong = signs * 1.5 + torch.randn(512, 1, generator=source)
    weak = 0.25 * signs + 0.2 * torch.randn(512, 20, generator=source)
    pair = (torch.cat([strong, weak], 1), targets)
    ranges = FeatureRanges.of(pair[0])._replace(deviation=torch.ones(21))
    options = OPTIONS.model_copy(update={"epochs": 15, "batch_size": 64})
    losses = {}
    for kind, chosen in {"plain": {"kind": "plain"}, "hard": {"kind": "adversarial", "radius": 0.5}}.items():
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = nn.Linear(21, 2)
        settings = {"ranges": ranges, "sample_losses": lambda o, t: nn.functional.cross_entropy(o, t, reduction="none")}
        found = fit(model, options=options, training=pair, validation=pair, settings=settings, **chosen).network
        worst = disturbed(found, pair, ranges=ranges, kind="adversarial", radius=0.5, num_steps=2)
        losses[kind] = float(LOSS(found(worst.inputs), targets).detach())
    assert losses["hard"] < 0.8 * losses["plain"]


def test_what_it_needs_is_told_in_one_line():
    given = batch_of(data())._replace(sample_losses=None)
    attack, ranges, source = recipe(kind="adversarial", radius=0.1), FeatureRanges.of(data()[0]), torch.Generator()
    with pytest.raises(
        ValueError, match=r"^sample_losses is None; recipe adversarial expects the loss of every sample"
    ):
        attack.disturbed(given, network(), ranges, source)
    elsewhere = batch_of(data())._replace(inputs=SimpleNamespace(device=torch.device("mps")))
    with pytest.raises(LowlandError, match=r"^device is mps, which has no float64; .* set device: cpu$"):
        attack.disturbed(elsewhere, network(), ranges, source)


@pytest.mark.parametrize(
    "options",
    [{}, {"radius": -0.1}, {"radius": float("inf")}, {"radius": 1, "norm": "l1"}, {"radius": 1, "num_steps": 0}],
)
def test_wrong_options_are_refused(options):
    with pytest.raises(ValidationError):
        Adversarial(kind="adversarial", **options)
