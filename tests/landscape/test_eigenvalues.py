"""Lanczos against dense eigenvalues."""

import pytest
import torch

from lowland.errors import LowlandError
from lowland.landscape import hessian_eigenvalues
from tests.cases import CASES
from tests.oracles import dense_hessian


@pytest.mark.parametrize("name", ["mlp", "quantized", "tanh", "autoencoder", "lstm", "layer norm"])
@pytest.mark.parametrize("count", [1, 4])
def test_equal_to_the_dense_ones(name, count):
    case = CASES[name]
    model, (inputs, targets) = case.model(), case.data()
    dense = torch.linalg.eigvalsh(dense_hessian(model, case.loss, inputs, targets)).flip(0)
    found = hessian_eigenvalues(model, case.loss, [(inputs, targets)], count=count, tolerance=1e-8)
    assert found.converged
    torch.testing.assert_close(found.values, dense[:count], rtol=1e-7, atol=0)
    assert (found.residuals <= 1e-3 * found.values).all()


def test_default_tolerance_is_kept():
    case = CASES["mlp"]
    model, (inputs, targets) = case.model(), case.data()
    dense = torch.linalg.eigvalsh(dense_hessian(model, case.loss, inputs, targets))
    for seed in range(20):
        found = hessian_eigenvalues(
            model, case.loss, [(inputs, targets)], generator=torch.Generator().manual_seed(seed)
        )
        assert found.largest.status == "ok"
        assert float(found.values[0]) == pytest.approx(float(dense[-1]), rel=1e-3)


def test_whole_spectrum_with_a_null_space():
    """Every eigenvalue, copies of zero included: the space is exhausted again and again."""
    case = CASES["quantized"]
    model, (inputs, targets) = case.model(), case.data()
    dense = torch.linalg.eigvalsh(dense_hessian(model, case.loss, inputs, targets)).flip(0)
    found = hessian_eigenvalues(model, case.loss, [(inputs, targets)], count=len(dense))
    torch.testing.assert_close(found.values, dense, rtol=1e-9, atol=1e-9)


def test_batches_do_not_matter():
    case = CASES["mlp"]
    model, (inputs, targets) = case.model(), case.data()
    pieces = list(zip(inputs.split(7), targets.split(7), strict=True))
    whole = hessian_eigenvalues(model, case.loss, [(inputs, targets)], tolerance=1e-9)
    for batches in (pieces, pieces[::-1]):
        found = hessian_eigenvalues(model, case.loss, batches, tolerance=1e-9)
        torch.testing.assert_close(found.values, whole.values, rtol=1e-9, atol=0)


def test_too_few_products_are_told(monkeypatch):
    case = CASES["mlp"]
    monkeypatch.setattr("lowland.landscape.eigenvalues.MAXIMUM_PRODUCTS", 2)
    found = hessian_eigenvalues(case.model(), case.loss, [case.data()], tolerance=1e-12)
    assert not found.converged
    assert found.largest.status == "not_converged"
    assert found.num_products == 2


def test_non_finite_losses_become_a_status():
    case = CASES["mlp"]
    inputs, targets = case.data()
    found = hessian_eigenvalues(case.model(), case.loss, [(inputs * torch.inf, targets)], count=2)
    assert found.values.isnan().all()
    assert found.largest.status == "non_finite"


def test_rows():
    case = CASES["mlp"]
    found = hessian_eigenvalues(case.model(), case.loss, [case.data()])
    (row,) = found.rows()
    assert (row.family, row.measure, row.estimate) == ("landscape", "largest_eigenvalue", found.largest)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "count: got 0"),
        ({"count": 10**6}, "expected 1 to the 83 parameters"),
        ({"tolerance": 0}, "toler"),
    ],
)
def test_bad_input_is_told(options, message):
    case = CASES["mlp"]
    with pytest.raises(LowlandError, match=message):
        hessian_eigenvalues(case.model(), case.loss, [case.data()], **options)


def test_the_model_is_left_as_it_came():
    case = CASES["mlp"]
    model = case.model()
    hessian_eigenvalues(model, case.loss, [case.data()])
    assert all(p.grad is None for p in model.parameters())
