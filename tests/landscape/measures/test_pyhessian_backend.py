"""PyHessian as backend, and as oracle of the library's own measures."""

import pytest
import torch
from torch import nn

from lowland.errors import LowlandError
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


@pytest.mark.parametrize("measure", [pyhessian_trace, pyhessian_eigenvalues])
def test_an_iterator_of_batches_is_read_once(measure):
    case = CASES["mlp"]
    inputs, targets = case.data()
    pairs = list(zip(inputs.split(10), targets.split(10), strict=True))
    found, expected = (measure(case.model(), case.loss, batches) for batches in (iter(pairs), pairs))
    if measure is pyhessian_trace:
        assert found == expected
    else:
        assert found.largest == expected.largest
        assert found.num_rows == 24


@pytest.mark.parametrize("measure", [pyhessian_trace, pyhessian_eigenvalues])
@pytest.mark.parametrize(
    "loss",
    [
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 1.0, 9.0], dtype=torch.float64)),
        nn.CrossEntropyLoss(reduction="sum"),
    ],
    ids=["class weights", "sum"],
)
def test_losses_that_are_no_means_over_rows_are_refused(measure, loss):
    case = CASES["mlp"]
    with pytest.raises(LowlandError, match=r"loss: gave .* expected the mean over independent rows"):
        measure(case.model(), loss, [case.data()])
