"""Lanczos against dense eigenvalues."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.landscape.curvature.products import HessianProducts
from lowland.landscape.measures import block_lanczos
from lowland.landscape.measures import eigenvalues as eigenvalues_module
from lowland.landscape.measures.eigenvalues import hessian_eigenvalues
from lowland.landscape.problem.problem import Problem
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


@pytest.mark.parametrize("name", ["mlp", "tanh"])
def test_ends_and_vectors(name):
    case = CASES[name]
    model, (inputs, targets) = case.model(), case.data()
    hessian = dense_hessian(model, case.loss, inputs, targets)
    dense = torch.linalg.eigvalsh(hessian)
    expected = {"largest": dense.flip(0)[:2], "smallest": dense[:2], "both": torch.cat([dense.flip(0)[:2], dense[:2]])}
    for which, values in expected.items():
        found = hessian_eigenvalues(
            model, case.loss, [(inputs, targets)], count=2, which=which, tolerance=1e-6, with_vectors=True
        )
        assert found.converged
        torch.testing.assert_close(found.values, values, rtol=1e-6, atol=0)
        assert list(found.vectors) == [n for n, _ in model.named_parameters()]
        assert [v.shape[1:] for v in found.vectors.values()] == [p.shape for p in model.parameters()]
        flat = torch.cat([v.flatten(1) for v in found.vectors.values()], 1)
        torch.testing.assert_close(flat.norm(dim=1), torch.ones(len(values), dtype=torch.float64))
        true_residuals = (flat @ hessian - found.values[:, None] * flat).norm(dim=1)
        torch.testing.assert_close(found.residuals, true_residuals, rtol=1e-6, atol=1e-9)
        assert (found.smallest.status == "undefined") == (which == "largest")
        assert (found.largest.status == "undefined") == (which == "smallest")
        assert [row.measure for row in found.rows()] == {
            "largest": ["largest_eigenvalue"],
            "smallest": ["smallest_eigenvalue"],
            "both": ["largest_eigenvalue", "smallest_eigenvalue"],
        }[which]
    assert found.smallest.value == float(found.values[2])


@pytest.mark.parametrize("count", [2, 3, 7])
def test_repeated_eigenvalues_are_all_found(count):
    """Squared error of a linear layer with three outputs: every eigenvalue three times."""
    torch.manual_seed(0)
    model = nn.Linear(4, 3, bias=False, dtype=torch.float64).eval()
    inputs, targets = torch.randn(30, 4, dtype=torch.float64), torch.randn(30, 3, dtype=torch.float64)
    dense = torch.linalg.eigvalsh(dense_hessian(model, functional.mse_loss, inputs, targets)).flip(0)
    torch.testing.assert_close(dense[0], dense[2])
    found = hessian_eigenvalues(model, functional.mse_loss, [(inputs, targets)], count=count, tolerance=1e-9)
    assert found.converged
    torch.testing.assert_close(found.values, dense[:count], rtol=1e-9, atol=0)


@pytest.mark.parametrize("which", ["largest", "smallest", "both"])
def test_many_rows_start_from_a_tenth_of_them(which, monkeypatch):
    """Few products with all rows, the tolerance kept, whatever the batches."""
    monkeypatch.setattr(eigenvalues_module, "FEWEST_COARSE_ROWS", 150)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).double().eval()
    inputs = torch.randn(1500, 6, dtype=torch.float64)
    targets = (inputs[:, :3] * 2).softmax(1).multinomial(1)[:, 0]
    products = HessianProducts(Problem(model, functional.cross_entropy, [(inputs, targets)]))
    dense = torch.linalg.eigvalsh(products.block(torch.eye(products.size, dtype=torch.float64)))
    truth = {"largest": dense[[-1, -2]], "smallest": dense[[0, 1]], "both": dense[[-1, -2, 0, 1]]}[which]
    whole = [(inputs, targets)]
    for batches in (whole, list(zip(inputs.split(401), targets.split(401), strict=True))):
        found = hessian_eigenvalues(model, functional.cross_entropy, batches, count=2, which=which)
        assert found.converged
        # eigenvalues near 0 are held to the square of the tolerance in units of the largest
        torch.testing.assert_close(found.values, truth, rtol=1e-3, atol=1e-6 * float(dense[-1]))
    if which == "largest":
        monkeypatch.setattr(eigenvalues_module, "FEWEST_COARSE_ROWS", 10_000)
        cold = hessian_eigenvalues(model, functional.cross_entropy, whole, count=2)
        assert found.num_products < cold.num_products


def _classes_in_turn():
    """Softmax regression on features of each class's own: any ten rows apart are of one class."""
    labels = torch.arange(10_000) % 10
    inputs = torch.zeros(10_000, 20, dtype=torch.float64)
    noise = torch.randn(2, 10_000, dtype=torch.float64)
    inputs[torch.arange(10_000), 2 * labels] = 1 + 0.1 * noise[0] + 0.2 * labels
    inputs[torch.arange(10_000), 2 * labels + 1] = 0.3 * noise[1]
    return nn.Linear(20, 10, bias=False), functional.cross_entropy, inputs, labels


def _groups_in_turn():
    """Linear regression on features of two groups' own, five rows of each in turn."""
    first = torch.arange(10_000) % 10 < 5
    inputs = torch.zeros(10_000, 12, dtype=torch.float64)
    inputs[first, :6] = torch.randn(5000, 6, dtype=torch.float64)
    inputs[~first, 6:] = 3 * torch.randn(5000, 6, dtype=torch.float64)
    return nn.Linear(12, 1, bias=False), functional.mse_loss, inputs, torch.randn(10_000, 1, dtype=torch.float64)


def _outlier():
    """Linear regression where one row alone has a feature: it is hardly ever among a tenth of the rows."""
    inputs = torch.randn(10_000, 8, dtype=torch.float64)
    inputs[:, 6:] = 0
    inputs[17] = torch.tensor([0.0] * 6 + [400, 0])
    return nn.Linear(8, 1, bias=False), functional.mse_loss, inputs, torch.randn(10_000, 1, dtype=torch.float64)


@pytest.mark.parametrize("build", [_classes_in_turn, _groups_in_turn, _outlier])
def test_few_rows_that_mislead_do_not_matter(build):
    torch.manual_seed(0)
    model, loss, inputs, targets = build()
    model = nn.Sequential(model).double().eval()
    products = HessianProducts(Problem(model, loss, [(inputs, targets)]))
    dense = float(torch.linalg.eigvalsh(products.block(torch.eye(products.size, dtype=torch.float64)))[-1])
    for rows, size, seed in ((torch.arange(10_000), 10_000, 0), (torch.randperm(10_000), 1013, 1)):
        batches = list(zip(inputs[rows].split(size), targets[rows].split(size), strict=True))
        found = hessian_eigenvalues(model, loss, batches, generator=torch.Generator().manual_seed(seed))
        assert found.converged
        assert float(found.values[0]) == pytest.approx(dense, rel=1e-3)


def test_default_tolerance_is_kept():
    case = CASES["mlp"]
    model, (inputs, targets) = case.model(), case.data()
    dense = torch.linalg.eigvalsh(dense_hessian(model, case.loss, inputs, targets))
    for seed in range(10):
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
    monkeypatch.setattr(block_lanczos, "MAXIMUM_PRODUCTS", 2)
    monkeypatch.setattr(block_lanczos, "MAXIMUM_BLOCKS", 0)
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
        ({"count": 42, "which": "both"}, "expected 1 to half of the 83 parameters"),
        ({"tolerance": 0}, "toler"),
        ({"which": "middle"}, "which: got 'middle'"),
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
