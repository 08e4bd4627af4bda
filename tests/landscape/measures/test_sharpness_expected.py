"""Expected sharpness against losses whose mean under noise is known."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.landscape import scaled_trace
from lowland.landscape.measures.sharpness_expected import expected_sharpness
from tests.cases import CASES, FakeIntegerNetwork


@pytest.fixture(scope="module")
def quadratic():
    """A linear network under squared error: its loss is a parabola, so half sigma^2 sum H theta^2 is the mean rise."""
    draws = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = nn.Linear(12, 5).double().eval()
    inputs = torch.randn(20, 12, generator=draws, dtype=torch.float64)
    return model, (inputs, torch.randn(20, 5, generator=draws, dtype=torch.float64))


def test_mean_and_standard_error_over_many_seeds(quadratic):
    model, rows = quadratic
    truth = 0.5 * 0.3**2 * scaled_trace(model, functional.mse_loss, [rows]).value
    estimates = [
        expected_sharpness(
            model,
            functional.mse_loss,
            [rows],
            relative_size=0.3,
            num_draws=25,
            generator=torch.Generator().manual_seed(seed),
        )
        for seed in range(200)
    ]
    scores = torch.tensor([(e.value - truth) / e.standard_error for e in estimates])
    assert 0.8 < scores.var().item() < 1.25
    assert abs(scores.mean().item()) < 4 / 200**0.5


@pytest.mark.parametrize("name", ["mlp", "autoencoder"])
def test_small_noise_gives_half_the_scaled_trace(name):
    case = CASES[name]
    model, rows = case.model(), case.data()
    found = expected_sharpness(model, case.loss, [rows], relative_size=1e-4, num_draws=200)
    truth = 0.5e-8 * scaled_trace(model, case.loss, [rows]).value
    assert abs(found.value - truth) < 4 * found.standard_error
    assert found.standard_error < 0.25 * truth


def test_rescaled_neurons_keep_their_sharpness_draw_by_draw():
    case = CASES["mlp"]
    rows = case.data()
    values = []
    for factor in (1.0, torch.tensor([0.1, 2.0, 8.0, 0.5, 30.0, 1.0], dtype=torch.float64)):
        model = case.model()
        model[0].weight.data *= torch.as_tensor(factor).reshape(-1, 1)
        model[0].bias.data *= factor
        model[2].weight.data /= factor
        values.append(expected_sharpness(model, case.loss, [rows], relative_size=0.2, num_draws=5).value)
    assert values[1] == pytest.approx(values[0], rel=1e-9)


def test_batches_repeats_and_deployed_networks():
    case = CASES["mlp"]
    model, (inputs, targets) = case.model(), case.data()
    options = {"relative_size": 0.1, "num_draws": 3}
    whole = expected_sharpness(model, case.loss, [(inputs, targets)], **options)
    pieces = list(zip(inputs.split(7), targets.split(7), strict=True))
    assert expected_sharpness(model, case.loss, pieces, **options).value == pytest.approx(whole.value, rel=1e-10)
    assert expected_sharpness(model, case.loss, [(inputs, targets)], **options) == whole
    network = FakeIntegerNetwork()
    assert expected_sharpness(network, case.loss, [(inputs, targets)], **options).status == "ok"
    assert expected_sharpness(model, case.loss, [(inputs * torch.nan, targets)], **options).status == "non_finite"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"relative_size": 0.0}, "relative_size: got 0.0"),
        ({"relative_size": torch.inf}, "relative_size: got inf"),
        ({"relative_size": 0.1, "num_draws": 1}, "num_draws: got 1"),
    ],
)
def test_bad_options_are_told(options, message):
    case = CASES["mlp"]
    with pytest.raises(LowlandError, match=message):
        expected_sharpness(case.model(), case.loss, [case.data()], **options)
