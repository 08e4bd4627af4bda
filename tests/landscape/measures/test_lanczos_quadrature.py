"""Stochastic Lanczos quadrature against dense spectra."""

import sys

import pytest
import torch
from torch import nn

from lowland.errors import LowlandError
from lowland.landscape.measures.lanczos_quadrature import spectral_density
from tests.cases import CASES
from tests.oracles import dense_hessian


def _spectrum(name):
    case = CASES[name]
    model, (inputs, targets) = case.model(), case.data()
    return (
        model,
        case.loss,
        [(inputs, targets)],
        torch.linalg.eigvalsh(dense_hessian(model, case.loss, inputs, targets)),
    )


def _smoothed(values, grid, width):
    distribution = torch.distributions.Normal(values, width)
    return distribution.log_prob(grid[:, None]).exp().mean(1)


@pytest.mark.parametrize("name", ["mlp", "autoencoder", "tanh"])
def test_equal_to_the_smoothed_dense_spectrum(name):
    model, loss, batches, values = _spectrum(name)
    found = spectral_density(model, loss, batches, num_runs=20, num_steps=40)
    assert found.status == "ok"
    assert found.size == len(values)
    assert found.nodes.shape == found.weights.shape == (20, min(40, len(values)))
    assert found.num_products == found.nodes.numel()
    assert float(torch.trapezoid(found.density, found.grid)) == pytest.approx(1, abs=1e-6)
    torch.testing.assert_close(found.weights.sum(1), torch.ones(20, dtype=torch.float64))
    expected = _smoothed(values, found.grid, found.width)
    # Student's t with 19 degrees of freedom at 512 points, and rounding where the density is nearly 0
    assert ((found.density - expected).abs() <= 6 * found.standard_error + 1e-6 * expected.max()).all()


def test_moments():
    model, loss, batches, values = _spectrum("mlp")
    found = spectral_density(model, loss, batches, num_runs=20, num_steps=12)
    for power in (1, 2, 3):
        samples = (found.weights * found.nodes**power).sum(1)
        error = float(samples.std()) / 20**0.5
        assert abs(float(samples.mean()) - float((values**power).mean())) < 4 * error
    trace = found.trace
    assert abs(trace.value - float(values.sum())) < 4 * trace.standard_error
    mass = found.negative_mass
    truth = float(values.clamp(max=0).abs().sum() / values.abs().sum())
    assert 0 < truth < 1
    assert abs(mass.value - truth) < 4 * mass.standard_error
    (row,) = found.rows()
    assert (row.family, row.measure, row.estimate) == ("landscape", "negative_spectral_mass", mass)


def test_each_run_is_a_gauss_quadrature():
    """Moments of a run up to degree 2 steps - 1 are those of its own start."""
    model, loss, batches, _ = _spectrum("mlp")
    hessian = dense_hessian(model, loss, *batches[0])
    found = spectral_density(model, loss, batches, num_runs=3, num_steps=4, generator=torch.Generator().manual_seed(2))
    signs = torch.randint(0, 2, (3, len(hessian)), generator=torch.Generator().manual_seed(2)).double() * 2 - 1
    for run in range(3):
        image = signs[run] / len(hessian) ** 0.5
        start = image
        for power in range(1, 8):
            image = hessian @ image
            moment = (found.weights[run] * found.nodes[run] ** power).sum()
            torch.testing.assert_close(moment, start @ image, rtol=1e-9, atol=1e-12)


class _Matrix:
    """A dense symmetric matrix in the place of a Hessian."""

    def __init__(self, *_):
        draws = torch.Generator().manual_seed(0)
        basis = torch.linalg.qr(torch.randn(12, 12, generator=draws, dtype=torch.float64))[0]
        self.values = torch.linspace(-1, 3, 12, dtype=torch.float64)
        self.matrix = basis @ torch.diag(self.values) @ basis.T
        self.size, self.num_rows, self.like = 12, 1, torch.empty(0, dtype=torch.float64)

    def block(self, vectors):
        return vectors @ self.matrix


def _products_are(matrix, monkeypatch):
    """A matrix in the place of the products of a problem."""
    module = sys.modules[spectral_density.__module__]  # the package exports a function of the module's own name
    monkeypatch.setattr(module, "problem_of", lambda *_: None)
    monkeypatch.setattr(module, "hessian_products", lambda _: matrix)


def test_standard_errors_are_honest(monkeypatch):
    """Over 200 seeds; with 40 runs Student's t would have a variance of 1.05."""
    _products_are(_Matrix(), monkeypatch)
    values = _Matrix().values
    truth = float(values.clamp(max=0).abs().sum() / values.abs().sum())
    points = values[[0, 5, 11]]
    scores = {"density": [], "negative": []}
    for seed in range(200):
        draws = torch.Generator().manual_seed(seed)
        found = spectral_density(None, None, [], num_runs=40, num_steps=12, grid=points, generator=draws)
        expected = _smoothed(values, points, found.width)
        scores["density"].append(float(((found.density - expected) / found.standard_error)[1]))
        scores["negative"].append((found.negative_mass.value - truth) / found.negative_mass.standard_error)
    for sample in scores.values():
        assert 0.8 < torch.tensor(sample).var().item() < 1.25
        assert abs(torch.tensor(sample).mean().item()) < 4 / 200**0.5


class _Bulk(_Matrix):
    """A few large eigenvalues, a null space and a bulk around 0, which few steps cannot tell apart."""

    def __init__(self, *_):
        draws = torch.Generator().manual_seed(0)
        basis = torch.linalg.qr(torch.randn(150, 150, generator=draws, dtype=torch.float64))[0]
        bulk = 0.05 * torch.randn(70, generator=draws, dtype=torch.float64)
        self.values = torch.cat([10 * 0.7 ** torch.arange(10.0), torch.zeros(70), bulk]).double()
        self.matrix = basis @ torch.diag(self.values) @ basis.T
        self.size, self.num_rows, self.like = 150, 1, torch.empty(0, dtype=torch.float64)


@pytest.mark.parametrize("num_steps", [3, 4, 6, 9, 13, 30])
def test_steps_well_below_the_size_widen_the_standard_error(num_steps, monkeypatch):
    matrix = _Bulk()
    _products_are(matrix, monkeypatch)
    truth = float(matrix.values.clamp(max=0).abs().sum() / matrix.values.abs().sum())
    scores, bare = [], []
    for seed in range(40):
        draws = torch.Generator().manual_seed(seed)
        found = spectral_density(
            None, None, [], num_runs=20, num_steps=num_steps, grid=torch.arange(2.0), generator=draws
        )
        mass = found.negative_mass
        scores.append((mass.value - truth) / mass.standard_error)
        sampled = (mass.standard_error**2 - found.truncation**2) ** 0.5
        bare.append(abs(mass.value - truth) / max(sampled, 1e-9))
    assert torch.tensor(scores).square().mean().sqrt().item() < 1.1
    if num_steps <= 6:  # the error over runs alone would be far too small
        assert torch.tensor(bare).square().mean().sqrt().item() > 3
    if num_steps == 30:
        assert torch.tensor(scores).square().mean().sqrt().item() > 0.7


def test_a_single_step_says_nothing_of_signs():
    model, loss, batches, _ = _spectrum("mlp")
    found = spectral_density(model, loss, batches, num_runs=2, num_steps=1)
    assert found.negative_mass.status == "not_converged"
    assert found.trace.status == "ok"


def test_batches_do_not_matter_and_starts_are_repeatable():
    model, loss, ((inputs, targets),), _ = _spectrum("mlp")
    state = torch.get_rng_state()
    whole = spectral_density(model, loss, [(inputs, targets)], num_runs=3, num_steps=8)
    pieces = list(zip(inputs.split(7), targets.split(7), strict=True))
    for batches in (pieces, pieces[::-1]):
        found = spectral_density(model, loss, batches, num_runs=3, num_steps=8)
        torch.testing.assert_close(found.nodes, whole.nodes, rtol=1e-8, atol=1e-11)
        torch.testing.assert_close(found.density, whole.density, rtol=1e-6, atol=1e-9)
    assert torch.equal(state, torch.get_rng_state())
    assert all(p.grad is None for p in model.parameters())


def test_an_exhausted_space_gets_no_weight():
    """A quadratic loss with three different eigenvalues: more steps than that add nothing."""
    model = nn.Linear(3, 1, bias=False, dtype=torch.float64).eval()
    inputs = torch.eye(3, dtype=torch.float64) * torch.tensor([1.0, 1.0, 2.0], dtype=torch.float64)
    found = spectral_density(
        model, lambda z, y: (z - y).square().sum() / len(z), [(inputs, torch.zeros(3, 1).double())], num_steps=50
    )
    assert found.nodes.shape == (10, 3)
    expected = torch.full((10,), (2 / 3 * 2 + 8 / 3) / 3, dtype=torch.float64)
    torch.testing.assert_close((found.weights * found.nodes).sum(1), expected)


def test_flat_losses_and_non_finite_ones():
    case = CASES["mlp"]
    inputs, targets = case.data()
    flat = nn.Linear(4, 1, dtype=torch.float64).eval()
    found = spectral_density(flat, lambda z, y: z.mean(), [(inputs, targets)], num_runs=2, num_steps=3)
    assert found.status == "ok"
    assert found.negative_mass.status == "undefined"
    assert float(found.nodes.abs().max()) == 0
    found = spectral_density(case.model(), case.loss, [(inputs * torch.inf, targets)], num_runs=2, num_steps=3)
    assert found.status == "non_finite"
    assert found.density.isnan().all()
    assert found.negative_mass.status == found.trace.status == "non_finite"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_runs": 1}, "num_runs: got 1"),
        ({"num_steps": 0}, "num_steps: got 0"),
        ({"grid": torch.tensor([1.0, 0.0])}, "expected at least 2 ascending"),
        ({"grid": torch.zeros(2, 2)}, "grid: got shape \\(2, 2\\)"),
    ],
)
def test_bad_input_is_told(options, message):
    case = CASES["mlp"]
    with pytest.raises(LowlandError, match=message):
        spectral_density(case.model(), case.loss, [case.data()], **options)
