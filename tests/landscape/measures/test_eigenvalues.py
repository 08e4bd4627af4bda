"""Lanczos against dense eigenvalues."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.landscape.curvature.products import HessianProducts
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


def test_a_value_that_others_may_exceed_is_not_taken_for_the_largest(monkeypatch):
    """Starting vectors in a space of their own, beside a random one with hardly any part along the top direction."""
    values = torch.linspace(0, 1, 200, dtype=torch.float64).square()
    values[-1] = 1.3

    class Diagonal:
        size, num_rows, like = 200, 1, torch.empty(0, dtype=torch.float64)

        def block(self, vectors):
            return vectors * values

    start = torch.zeros(2, 200, dtype=torch.float64)
    start[0, -2] = 1
    start[1] = torch.randn(200, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    start[1, -1] = 1e-3
    lanczos = eigenvalues_module._Lanczos(Diagonal(), 1, "largest", 1e-3, torch.Generator().manual_seed(0))
    lanczos.run(start)
    assert lanczos.converged
    assert float(lanczos.values[0]) == pytest.approx(1.3, rel=1e-3)


class _Diagonal:
    """Products with a diagonal matrix."""

    def __init__(self, values):
        self.values, self.size, self.num_rows, self.like = values, len(values), 1, torch.empty(0)

    def block(self, vectors):
        return vectors * self.values


@pytest.mark.parametrize(("above", "at_most"), [(1.1, 6), (2.0, 1)])
def test_a_direction_that_few_rows_do_not_show_is_hardly_ever_overlooked(above, at_most):
    """What the few rows gave is the second eigenvector, a little off: sixty trials, an expected risk of 3 %."""
    draws = torch.Generator().manual_seed(0)
    rest = torch.cat([0.02 * torch.rand(990, generator=draws), torch.tensor([1.0, 0.6, 0.5, 0.4, 0.3, 0.2])])
    values = torch.cat([rest, torch.tensor([above])])
    seen = torch.cat([rest, torch.zeros(1)])
    missed, products = 0, []
    for seed in range(60):
        draws = torch.Generator().manual_seed(seed)
        few = eigenvalues_module._Lanczos(_Diagonal(seen), 1, "largest", 1e-2, draws)
        few.run(torch.randn(1, len(values), generator=draws) * (seen > 0))
        lanczos = eigenvalues_module._Lanczos(_Diagonal(values), 1, "largest", 1e-3, draws, few.others())
        lanczos.run(few.mixed_start(), mixed=True)
        assert lanczos.converged
        missed += abs(float(lanczos.values[0]) / above - 1) > 1e-2
        products.append(lanczos.steps)
    assert missed <= at_most
    assert sum(products) <= 60 * 8


@pytest.mark.parametrize("which", ["largest", "smallest", "both"])
@pytest.mark.parametrize("count", [1, 2])
def test_the_risk_bounds_what_an_eigenvector_beyond_can_have_along_the_start(which, count, monkeypatch):
    """The part of every eigenvector that lies beyond is no more than what the risk was computed from."""
    draws = torch.Generator().manual_seed(3)
    values = torch.cat([torch.linspace(-1, 1, 50, dtype=torch.float64), torch.tensor([2.0, -2.0], dtype=torch.float64)])
    start = torch.randn(2 * count if which == "both" else count, 52, generator=draws, dtype=torch.float64)
    start[:, -2:] *= 1e-4  # hardly any part along the two that lie beyond
    found = []
    inner = eigenvalues_module._Lanczos._risk

    def kept(self, matrix, coupling, parts):
        found.append(inner(self, matrix, coupling, parts))
        return 1.0

    monkeypatch.setattr(eigenvalues_module._Lanczos, "_risk", kept)
    products = _Diagonal(values)
    products.like = products.like.double()
    lanczos = eigenvalues_module._Lanczos(products, count, which, 0.2, draws)
    monkeypatch.setattr(eigenvalues_module, "MAXIMUM_PRODUCTS", 6 * len(start))
    monkeypatch.setattr(eigenvalues_module, "MAXIMUM_BLOCKS", 0)
    lanczos.run(start, mixed=True)
    ends = {"largest": [-2], "smallest": [-1], "both": [-2, -1]}[which]
    part = max(float(start[:, end].square().sum()) for end in ends)
    squares = torch.tensor(part * 52 / eigenvalues_module.GUARD_SIZE**2 / 2)
    least = float(torch.special.gammainc(torch.tensor(len(start) / 2), squares))
    assert found
    assert all(risk >= least for risk in found)


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
    monkeypatch.setattr(eigenvalues_module, "MAXIMUM_PRODUCTS", 2)
    monkeypatch.setattr(eigenvalues_module, "MAXIMUM_BLOCKS", 0)
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
