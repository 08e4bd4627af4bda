"""PyHessian as backend, and as oracle of the library's own measures."""

import pytest
import torch

from lowland.landscape import hessian_eigenvalues, hessian_trace, pyhessian_eigenvalues, pyhessian_trace
from tests.cases import CASES


@pytest.mark.parametrize("batches", [1, 3])
def test_trace_agrees_with_the_exact_one(batches):
    case = CASES["mlp"]
    model, (inputs, targets) = case.model(), case.data()
    pairs = list(zip(inputs.chunk(batches), targets.chunk(batches), strict=True))
    exact = hessian_trace(model, case.loss, pairs)
    estimate = pyhessian_trace(model, case.loss, pairs, num_probes=200)
    assert estimate.num_samples == 200
    assert estimate.standard_error > 0
    assert abs(estimate.value - exact.value) < 4 * estimate.standard_error


@pytest.mark.parametrize("batches", [1, 3])
def test_eigenvalues_agree(batches):
    case = CASES["mlp"]
    model, (inputs, targets) = case.model(), case.data()
    pairs = list(zip(inputs.chunk(batches), targets.chunk(batches), strict=True))
    ours = hessian_eigenvalues(model, case.loss, pairs, tolerance=1e-8)
    theirs = pyhessian_eigenvalues(model, case.loss, pairs, tolerance=1e-6)
    assert theirs.converged
    assert float(theirs.values[0]) == pytest.approx(float(ours.values[0]), rel=1e-3)
    assert theirs.largest.status == "ok"


@pytest.mark.filterwarnings("error")  # even PyHessian's own warning, which the configuration of the tests lets pass
def test_the_model_and_torch_s_generator_are_left_as_they_came():
    case = CASES["mlp"]
    model = case.model()
    model[0].weight.grad = torch.ones_like(model[0].weight)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()
    first, second = (pyhessian_trace(model, case.loss, [case.data()], num_probes=3) for _ in range(2))
    pyhessian_eigenvalues(model, case.loss, [case.data()])
    assert first == second
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert bool((model[0].weight.grad == 1).all())
    assert all(p.grad is None for name, p in model.named_parameters() if name != "0.weight")
