"""The Jacobian's norm against explicit Jacobians."""

import pytest
import torch

from lowland.landscape.measures.jacobian import input_jacobian_norm
from lowland.landscape.measures.matched import input_curvature
from lowland.landscape.measures.mismatch import noise_mismatch_curvature
from tests.cases import CASES, FakeIntegerNetwork


@pytest.mark.parametrize(
    "name", ["mlp", "autoencoder", "convolutions", "tanh", "lstm", "gru", "twin", "stock Brevitas"]
)
def test_norm_equals_that_of_explicit_jacobians(name):
    case = CASES[name]
    model, (inputs, targets) = case.model(), case.data()
    norms = torch.stack(
        [torch.autograd.functional.jacobian(lambda x: model(x[None])[0], row).norm() for row in inputs]
    ).double()
    found = input_jacobian_norm(model, list(zip(inputs.split(5), targets.split(5), strict=True)))
    assert found.value == pytest.approx(float(norms.mean()), rel=1e-10)
    assert found.standard_error == pytest.approx(float(norms.std()) / len(norms) ** 0.5, rel=1e-6, abs=1e-15)
    assert (found.num_samples, found.status) == (len(inputs), "ok")


def test_deployed_networks_and_rows_that_are_not_finite():
    inputs = torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    network = FakeIntegerNetwork()
    twin = input_jacobian_norm(network.dequantized().eval(), [(inputs, torch.zeros(6))])
    assert input_jacobian_norm(network, [(inputs, torch.zeros(6))]) == twin
    inputs[2] = torch.nan
    assert input_jacobian_norm(network, [(inputs, torch.zeros(6))]).status == "non_finite"


@pytest.mark.parametrize(
    "measure",
    [
        input_jacobian_norm,
        lambda model, batches: noise_mismatch_curvature(model, batches, covariance=torch.full((4,), 0.3)),
        lambda model, batches: input_curvature(model, CASES["mlp"].loss, batches, covariance=torch.full((4,), 0.3)),
    ],
    ids=["jacobian", "mismatch", "curvature"],
)
def test_standard_errors_over_rows_are_honest(measure):
    """The truth is the mean over 20,000 rows; samples of 100 of them must scatter around it as they say."""
    model = CASES["mlp"].model()
    inputs = torch.randn(200, 100, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    targets = torch.randint(0, 3, (200, 100), generator=torch.Generator().manual_seed(2))
    truth = measure(model, [(inputs.flatten(0, 1), targets.flatten())]).value
    found = [measure(model, [batch]) for batch in zip(inputs, targets, strict=True)]
    scores = torch.tensor([(f.value - truth) / f.standard_error for f in found])
    assert 0.8 < scores.var().item() < 1.25
    assert abs(scores.mean().item()) < 4 / 200**0.5
