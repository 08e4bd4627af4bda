import copy
import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.perturbation import ATTACKS, AttackOptions, Ball, Effort, fgsm, pgd
from tests.cases import CASES, FakeIntegerNetwork
from tests.quantization.networks import integer_network, rows


def sample_losses(outputs, targets):
    return functional.cross_entropy(outputs, targets, reduction="none")


def small_network(dtype=torch.float32):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3)).to(dtype).eval()


NETWORK = small_network()
SOURCE = torch.Generator().manual_seed(2)
INPUTS = torch.randn(200, 4, generator=SOURCE)
TARGETS = NETWORK(INPUTS).argmax(dim=1)
SCALE = torch.tensor([1.0, 5.0, 0.1, 0.0])
NORMS = ["linf", "l2"]


def losses_of(inputs, network=NETWORK):
    with torch.no_grad():
        return sample_losses(network(inputs), TARGETS[: len(inputs)])


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(NORMS),
    st.sampled_from(sorted(ATTACKS)),
    st.floats(0, 3),
    st.booleans(),
    st.booleans(),
)
def test_no_attack_leaves_its_ball(norm, kind, eps, scaled, limited):
    limits = (INPUTS.amin(), INPUTS.amax()) if limited else None
    ball = Ball(norm, eps, SCALE if scaled else None, limits)
    some, targets = INPUTS[:20], TARGETS[:20]
    found = ATTACKS[kind](NETWORK, sample_losses, some, targets, ball=ball)
    assert (ball.size(some, found.inputs) <= eps * (1 + 1e-12)).all()
    if limited:
        assert found.inputs.min() >= limits[0] and found.inputs.max() <= limits[1]
    assert torch.allclose(found.losses.float(), losses_of(found.inputs), atol=1e-5)


@pytest.mark.parametrize("norm", NORMS)
def test_one_step_of_pgd_is_fgsm(norm):
    ball = Ball(norm, 0.3, SCALE)
    one = pgd(NETWORK, sample_losses, INPUTS, TARGETS, ball=ball, effort=Effort(num_steps=1, random_start=False))
    assert torch.equal(fgsm(NETWORK, sample_losses, INPUTS, TARGETS, ball=ball).inputs, one.inputs)


def test_fgsm_moves_every_feature_by_the_radius_along_the_gradients_sign():
    variable = INPUTS.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(sample_losses(NETWORK(variable), TARGETS).sum(), variable)
    found = fgsm(NETWORK, sample_losses, INPUTS, TARGETS, ball=Ball("linf", 0.3, SCALE))
    assert torch.allclose(found.inputs, INPUTS + 0.3 * SCALE * gradient.sign(), atol=1e-6)


def test_on_a_linear_model_one_step_is_the_worst_there_is():
    weights = torch.tensor([1.0, -2.0, 0.0, 4.0])
    inputs = torch.zeros(1, 4, dtype=torch.float64)

    def linear(outputs, targets):
        return outputs

    for norm, dual in (("linf", (SCALE * weights).abs().sum()), ("l2", (SCALE * weights).norm())):
        found = fgsm(lambda x: x @ weights.double(), linear, inputs, inputs, ball=Ball(norm, 0.5, SCALE))
        assert float(found.losses) == pytest.approx(0.5 * float(dual), rel=1e-6)


@pytest.mark.parametrize("norm, eps", [("linf", 0.3), ("l2", 0.5)])
def test_more_steps_and_restarts_are_never_weaker_on_average(norm, eps):
    def strength(**options):
        source = torch.Generator().manual_seed(3)
        effort = Effort(generator=source, **options)
        found = pgd(NETWORK, sample_losses, INPUTS, TARGETS, ball=Ball(norm, eps), effort=effort)
        return float(found.losses.mean())

    by_steps = [strength(num_steps=steps) for steps in (1, 2, 5, 10, 40)]
    assert all(later >= earlier - 1e-5 for earlier, later in itertools.pairwise(by_steps))
    assert strength(num_steps=5, num_restarts=4) >= strength(num_steps=5)
    single = float(fgsm(NETWORK, sample_losses, INPUTS, TARGETS, ball=Ball(norm, eps)).losses.mean())
    assert by_steps[-1] >= single > float(losses_of(INPUTS).mean())


def test_restarts_keep_the_worst_of_every_row():
    found = [
        pgd(NETWORK, sample_losses, INPUTS, TARGETS, ball=Ball("l2", 1.0), effort=Effort(num_steps=2, num_restarts=n))
        for n in (1, 3)
    ]
    assert (found[1].losses >= found[0].losses).all()


@pytest.mark.parametrize("kind", sorted(ATTACKS))
@pytest.mark.parametrize("norm", NORMS)
def test_a_ball_without_size_leaves_the_inputs_alone(norm, kind):
    found = ATTACKS[kind](NETWORK, sample_losses, INPUTS, TARGETS, ball=Ball(norm, 0.0, SCALE))
    assert torch.equal(found.inputs, INPUTS)


def test_equal_seeds_give_equal_attacks_whose_starts_scale_with_the_radius():
    def start(eps, seed):
        effort = Effort(generator=torch.Generator().manual_seed(seed))
        flat = pgd(lambda x: 0 * x, lambda z, t: z.sum(1), INPUTS, TARGETS, ball=Ball("l2", eps), effort=effort)
        return flat.inputs.double() - INPUTS.double()

    assert torch.equal(start(1.0, 0), start(1.0, 0))
    assert not torch.equal(start(1.0, 0), start(1.0, 1))
    assert torch.allclose(10 * start(0.1, 0), start(1.0, 0), atol=1e-5)


def test_random_starts_fill_the_ball_evenly():
    inputs = torch.zeros(4000, 3)
    for norm in NORMS:
        ball = Ball(norm, 2.0)
        found = pgd(lambda x: 0 * x, lambda z, t: z.sum(1), inputs, inputs, ball=ball, effort=Effort(num_steps=1))
        share = float((ball.size(inputs, found.inputs) <= 1.0).double().mean())
        assert share == pytest.approx(1 / 8, abs=0.02)  # half the radius, an eighth of the volume
        assert found.blind.all()


@pytest.mark.parametrize("kind", sorted(ATTACKS))
def test_the_model_stays_as_it_was(kind):
    network = small_network()
    network[0].weight.grad = torch.ones_like(network[0].weight)
    network[2].bias.requires_grad_(False)
    before, same = copy.deepcopy(network.state_dict()), INPUTS.clone()
    with torch.no_grad():  # an attack differentiates whatever surrounds it
        ATTACKS[kind](network, sample_losses, same, TARGETS, ball=Ball("linf", 0.1))
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert torch.equal(network[0].weight.grad, torch.ones_like(network[0].weight))
    assert network[2].weight.grad is None and not network[2].bias.requires_grad and not network.training
    assert torch.equal(same, INPUTS) and not same.requires_grad


@pytest.mark.parametrize("name", ["integer network", "twin", "quantized", "autoencoder", "lstm"])
def test_roundings_pass_gradients_straight_through(name):
    case = CASES[name]
    model, (inputs, targets) = case.model(), case.data()

    def losses(outputs, wanted):
        if wanted.is_floating_point():
            return (outputs - wanted).square().flatten(1).mean(dim=1)
        return sample_losses(outputs, wanted)

    with torch.no_grad():
        clean = losses(model(inputs), targets)
    found = pgd(model, losses, inputs, targets, ball=Ball("l2", 1.0), effort=Effort(num_steps=5))
    assert found.losses.mean() > 1.01 * clean.mean()
    assert not found.blind.all()


def test_deployed_networks_are_attacked_through_their_twins():
    network = FakeIntegerNetwork()
    inputs = INPUTS.double()
    with torch.no_grad():
        targets = network.dequantized()(inputs).argmax(dim=1)
    ball = Ball("linf", 0.5)
    found = fgsm(network, sample_losses, inputs, targets, ball=ball)
    twin = fgsm(network.dequantized().eval(), sample_losses, inputs, targets, ball=ball)
    assert torch.equal(found.inputs, twin.inputs)


def test_what_the_twin_falls_for_the_deployed_network_falls_for():
    network, (inputs, targets) = integer_network(4), rows(100)
    found = pgd(network, sample_losses, inputs, targets, ball=Ball("linf", 0.3), effort=Effort(num_steps=5))
    with torch.no_grad():
        clean, attacked = (sample_losses(network(x), targets).double() for x in (inputs, found.inputs))
    assert float(attacked.mean()) == pytest.approx(float(found.losses.mean()), rel=1e-3)
    assert attacked.mean() > clean.mean() + 0.01


def test_tiny_gradients_count_and_missing_ones_are_reported():
    inputs = torch.ones(2, 4)
    slopes = torch.tensor([1e-30, 0.0]).unsqueeze(1)
    found = fgsm(lambda x: x * slopes, lambda z, t: z.sum(1), inputs, inputs, ball=Ball("l2", 1.0))
    assert found.blind.tolist() == [False, True]
    assert torch.allclose(found.inputs, torch.tensor([[1.5] * 4, [1.0] * 4]))


def test_outputs_that_break_are_the_worst():
    inputs = torch.zeros(1, 4)
    found = fgsm(lambda x: (0.5 - x).sqrt(), lambda z, t: -z.sum(1), inputs, inputs, ball=Ball("linf", 1.0))
    assert found.losses.item() == float("inf")


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda b: fgsm(small_network().train(), sample_losses, INPUTS, TARGETS, ball=b), "is in training mode"),
        (lambda b: fgsm(NETWORK, functional.cross_entropy, INPUTS, TARGETS, ball=b), "expected one loss a sample"),
        (lambda b: fgsm(NETWORK, sample_losses, TARGETS, TARGETS, ball=b), "expected floating-point numbers"),
        (
            lambda b: fgsm(lambda x: NETWORK(x).detach(), sample_losses, INPUTS, TARGETS, ball=b),
            "does not depend differentiably on the inputs",
        ),
        (lambda b: Effort(num_steps=0), "num_steps is 0"),
        (lambda b: Effort(num_restarts=2, random_start=False), "num_restarts is 2 without random_start"),
    ],
)
def test_what_cannot_be_attacked_is_refused(call, message):
    with pytest.raises(LowlandError, match=message):
        call(Ball("linf", 0.1))


def test_options_cover_every_attack_and_name_nothing_twice():
    given = {"kinds": tuple(ATTACKS), "norms": ("linf",), "levels": (0.1,), "num_steps": 1, "num_restarts": 1}
    assert set(AttackOptions(**given).kinds) == set(ATTACKS) and AttackOptions.model_validate("none").kinds == ()
    with pytest.raises(ValidationError, match="levels names an entry twice"):
        AttackOptions(**given | {"levels": (0.1, 0.1)})
