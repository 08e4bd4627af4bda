import copy

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from lowland.training.batches import batches
from lowland.training.recipe_base import Iterates
from lowland.training.recipes.ema import Average, Ema, take_statistics
from tests.quantization.networks import rows, twin
from tests.training.fitting import LOSS, OPTIONS, data, fit, network

LONG = OPTIONS.model_copy(update={"epochs": 1, "batch_size": 4})  # 16 steps


def normalised():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.ReLU(), nn.Linear(8, 2))


def iterates_of(model, monkeypatch, options=LONG, **settings):
    """The trained network under ``ema`` with decay 0.8 and its parameters after every step."""
    steps, add = [], Average.add

    def noted(average, network):
        steps.append({name: p.detach().double().clone() for name, p in network.named_parameters()})
        add(average, network)

    monkeypatch.setattr(Average, "add", noted)
    return fit(model, options=options, kind="ema", decay=0.8, **settings), steps


@pytest.mark.parametrize("make", [network, normalised, lambda: twin(4)], ids=["float", "batch_norm", "twin"])
def test_what_is_kept_is_the_weighted_mean_of_the_iterates(make, monkeypatch):
    """Recomputed slowly from all of them; learned scales of quantizers included."""
    pair = data() if isinstance(make(), nn.Sequential) else rows(64)
    result, steps = iterates_of(make(), monkeypatch, training=pair, validation=pair)
    count = len(steps)
    weights = torch.tensor([0.2 * 0.8 ** (count - 1 - i) for i in range(count)], dtype=torch.float64)
    assert count == 16 and float(weights.sum()) == pytest.approx(1 - 0.8**16)
    apart = []
    for name, parameter in result.network.named_parameters():
        values = torch.stack([step[name] for step in steps])
        expected = torch.tensordot(weights / weights.sum(), values, 1).to(parameter.dtype)
        assert torch.allclose(parameter, expected, rtol=1e-6, atol=1e-9)
        apart.append(float((parameter.double() - values[-1]).abs().max().detach()))
    assert max(apart) > 0.005


def test_what_is_validated_is_what_is_kept():
    result = fit(normalised(), kind="ema", decay=0.9)
    inputs, targets = data(seed=1)
    kept = float(LOSS(result.network(inputs), targets).detach())
    assert kept == pytest.approx(result.curves.validation_loss.min(), rel=1e-6)


def test_training_itself_is_plain():
    """The iterates go on where they were, running statistics and dropout included: losses of all epochs are equal."""
    plain, found = fit(normalised()), fit(normalised(), kind="ema", decay=0.9)
    assert plain.curves.training_loss.equals(found.curves.training_loss) and len(plain.curves) == 4
    assert not plain.curves.validation_loss.equals(found.curves.validation_loss)


@pytest.mark.parametrize("make", [network, normalised])
def test_no_decay_is_plain_training(make):
    plain, found = fit(make()), fit(make(), kind="ema", decay=0.0)
    states = plain.network.state_dict(), found.network.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert plain.curves.equals(found.curves)


def test_a_first_step_alone_is_its_own_average():
    """Where nothing is averaged yet, the bias correction leaves the weights; of the initial ones nothing is left."""
    once = OPTIONS.model_copy(update={"epochs": 1, "batch_size": 64})
    plain, found = fit(network(), options=once), fit(network(), options=once, kind="ema", decay=0.999)
    assert all(torch.equal(a, b) for a, b in zip(plain.network.parameters(), found.network.parameters(), strict=True))


def test_statistics_are_those_of_the_averaged_weights():
    """Against the mean over the batches of what each has before the normalisation."""
    once = OPTIONS.model_copy(update={"epochs": 1})
    result = fit(normalised(), options=once, kind="ema", decay=0.9)
    linear, norm = result.network[0], result.network[1]
    inputs = data()[0]
    means = linear(inputs).mean(0)  # batches of one size: the mean of all rows
    assert torch.allclose(norm.running_mean, means, atol=1e-6) and norm.momentum == 0.1
    spread = [float((norm.running_var - linear(inputs).var(0)).abs().max().detach()), float(norm.running_var.max())]
    assert spread[0] < 0.2 * spread[1]
    assert int(norm.num_batches_tracked) == 4


def test_statistics_are_taken_as_torch_takes_them():
    model, inputs = nn.Sequential(*[layer for layer in normalised() if not isinstance(layer, nn.Dropout)]), data()[0]
    ours, theirs = copy.deepcopy(model), copy.deepcopy(model)
    parts = batches(torch.arange(len(inputs)), 16, no_single=True)
    take_statistics(ours, [ours[1]], inputs, parts)
    torch.optim.swa_utils.update_bn([inputs[index] for index in parts], theirs)
    for name, tensor in ours.state_dict().items():
        assert torch.equal(tensor, theirs.state_dict()[name])


@pytest.mark.parametrize("momentum", [0.1, None])
def test_the_network_is_left_as_it_came(momentum):
    """Modes, momenta and statistics; batch normalisation that is frozen or keeps no statistics is let alone."""
    model = nn.Sequential(
        nn.BatchNorm1d(3, momentum=momentum),
        nn.BatchNorm1d(3, track_running_stats=False),
        nn.BatchNorm1d(3),
        nn.Dropout(),
        nn.Linear(3, 2),
    ).train()
    model[2].eval().requires_grad_(False)
    before, modes = copy.deepcopy(model.state_dict()), [module.training for module in model.modules()]
    average, inputs, parts = Average(0.5), data()[0], (torch.arange(32), torch.arange(32, 64))
    average.add(model)
    with torch.no_grad():
        model[4].weight.add_(1.0)
    later = model[4].weight.detach().clone()
    average.add(model)
    state = torch.get_rng_state()
    with average.kept(model, inputs, parts):
        assert torch.allclose(model[4].weight, before["4.weight"] + 2 / 3)
        assert torch.allclose(model[0].running_mean, inputs.mean(0), atol=1e-6)
        assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(model[4].weight, later) and model[0].momentum == momentum
    for name, tensor in model.state_dict().items():
        assert name == "4.weight" or torch.equal(tensor, before[name])
    assert [module.training for module in model.modules()] == modes


def test_every_training_averages_anew():
    recipe = Ema(kind="ema", decay=0.9)
    assert recipe.iterates() is not recipe.iterates()
    assert type(Ema(kind="ema", decay=0.0).iterates()) is Iterates


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_wrong_options_are_refused(decay):
    with pytest.raises(ValidationError):
        Ema(kind="ema", decay=decay)
