"""Worst rise in the normalised ball against the exact maximum of parabolas."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.landscape.measures.sharpness_adaptive import adaptive_sharpness
from lowland.landscape.measures.sharpness_expected import expected_sharpness
from tests.cases import CASES, FakeIntegerNetwork
from tests.oracles import dense_gradient, dense_hessian, largest_in_ball


@pytest.mark.parametrize("radius", [0.05, 0.5, 2.0])
@pytest.mark.parametrize("at_minimum", [False, True])
def test_parabola(radius, at_minimum):
    """A linear network under squared error has one, whose maximum in the ball is known."""
    draws = torch.Generator().manual_seed(0)
    inputs = torch.randn(30, 3, generator=draws, dtype=torch.float64) * torch.tensor([0.3, 1.0, 2.0])
    model = nn.Linear(3, 2, dtype=torch.float64).eval()
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=draws, dtype=torch.float64)
    noise = 0.0 if at_minimum else 1.0
    targets = model(inputs).detach() + noise * torch.randn(30, 2, generator=draws, dtype=torch.float64)
    weights = torch.cat([p.detach().flatten() for p in model.parameters()]).abs()
    slope = dense_gradient(model, functional.mse_loss, inputs, targets) * weights
    matrix = dense_hessian(model, functional.mse_loss, inputs, targets) * weights[:, None] * weights
    found = adaptive_sharpness(model, functional.mse_loss, [(inputs, targets)], radius=radius)
    assert found.value == pytest.approx(largest_in_ball(slope, matrix, radius), rel=2e-3)
    assert (found.standard_error, found.num_samples, found.status) == (0.0, 30, "ok")


def test_rescaled_neurons_keep_their_sharpness():
    case = CASES["mlp"]
    rows = case.data()
    values = []
    for factor in (1.0, torch.tensor([0.25, 2.0, 8.0, 0.5, 4.0, 1.0], dtype=torch.float64)):
        model = case.model()
        model[0].weight.data *= torch.as_tensor(factor).reshape(-1, 1)
        model[0].bias.data *= factor
        model[2].weight.data /= factor
        values.append(adaptive_sharpness(model, case.loss, [rows], radius=0.5, num_steps=8).value)
    assert values[1] == pytest.approx(values[0], rel=1e-9)


def test_the_worst_is_worse_than_the_mean():
    case = CASES["mlp"]
    model, rows = case.model(), case.data()
    size = sum(p.numel() for p in model.parameters()) ** 0.5
    mean = expected_sharpness(model, case.loss, [rows], relative_size=0.5 / size)
    assert adaptive_sharpness(model, case.loss, [rows], radius=0.5).value > 2 * abs(mean.value)


def test_what_still_climbs_says_so():
    case = CASES["mlp"]
    found = adaptive_sharpness(case.model(), case.loss, [case.data()], radius=20.0, num_steps=4)
    assert found.status == "not_converged"


def test_batches_repeats_deployed_networks_and_bad_rows():
    case = CASES["mlp"]
    model, (inputs, targets) = case.model(), case.data()
    whole = adaptive_sharpness(model, case.loss, [(inputs, targets)], radius=0.3, num_steps=8)
    assert adaptive_sharpness(model, case.loss, [(inputs, targets)], radius=0.3, num_steps=8) == whole
    pieces = list(zip(inputs.split(7), targets.split(7), strict=True))
    split = adaptive_sharpness(model, case.loss, pieces, radius=0.3, num_steps=8)
    assert split.value == pytest.approx(whole.value, rel=1e-8)
    network = FakeIntegerNetwork()
    assert adaptive_sharpness(network, case.loss, [(inputs, targets)], radius=0.1).value > 0
    assert adaptive_sharpness(model, case.loss, [(inputs * torch.nan, targets)], radius=0.1).status == "non_finite"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"radius": 0.0}, "radius: got 0.0"),
        ({"radius": torch.nan}, "radius: got nan"),
        ({"radius": 0.1, "num_steps": 3}, "num_steps: got 3"),
    ],
)
def test_bad_options_are_told(options, message):
    case = CASES["mlp"]
    with pytest.raises(LowlandError, match=message):
        adaptive_sharpness(case.model(), case.loss, [case.data()], **options)
