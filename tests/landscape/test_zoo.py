"""Every architecture against dense Hessians and row-by-row autograd: a right value, or one line that says why not."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from lowland.errors import LowlandError
from lowland.landscape import (
    Problem,
    filter_normalised_directions,
    gradient_norms,
    hessian_eigenvalues,
    hessian_trace,
    input_jacobian_norm,
    loss_surface,
    mean_gradient,
    mode_connectivity,
)
from lowland.landscape.curvature.products import hessian_products
from tests.landscape.zoo import ROWS, ZOO, Animal

VALUES = [name for name, animal in ZOO.items() if not animal.refused]
REFUSED = [name for name, animal in ZOO.items() if animal.refused]


def _plain(animal: Animal) -> nn.Module:
    """The model in double precision, not compiled."""
    model = animal.model()
    return getattr(model, "_orig_mod", model).double()


class Known:
    """What autograd says of the plain form of an animal, one row and one second derivative after the other."""

    def __init__(self, name: str) -> None:
        self.animal = ZOO[name]
        self.model, (self.inputs, self.targets) = self.animal.model(), self.animal.data()
        plain = _plain(self.animal)
        inputs = self.inputs.double() if self.inputs.is_floating_point() else self.inputs
        targets = self.targets.double() if self.targets.is_floating_point() else self.targets.long()
        parameters = [p for p in plain.parameters() if p.requires_grad]
        self.parameters = {name: p for name, p in plain.named_parameters() if p.requires_grad}
        before = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            with sdpa_kernel(SDPBackend.MATH):
                value = self.animal.loss(plain(inputs), targets)
                slopes = torch.autograd.grad(value, parameters, create_graph=True)
                self.gradient = torch.cat([slope.flatten() for slope in slopes])
                self.hessian = torch.stack([self._row(entry, parameters) for entry in self.gradient])
                self.norms = torch.stack(
                    [
                        torch.cat(
                            [
                                g.flatten()
                                for g in torch.autograd.grad(
                                    self.animal.loss(plain(inputs[i : i + 1]), targets[i : i + 1]), parameters
                                )
                            ]
                        ).norm()
                        for i in range(ROWS)
                    ]
                )
        finally:
            torch.backends.mha.set_fastpath_enabled(before)
        self.value = value.detach()
        self.tolerance = 1e-9 if self.animal.dtype == torch.float64 else 1e-4

    @staticmethod
    def _row(entry: torch.Tensor, parameters: list[nn.Parameter]) -> torch.Tensor:
        if not entry.requires_grad:
            return torch.zeros(sum(p.numel() for p in parameters), dtype=torch.float64)
        row = torch.autograd.grad(entry, parameters, retain_graph=True, allow_unused=True, materialize_grads=True)
        return torch.cat([part.flatten() for part in row])

    @property
    def problem(self) -> Problem:
        half = ROWS // 2
        parts = [(self.inputs[:half], self.targets[:half]), (self.inputs[half:], self.targets[half:])]
        return Problem(self.model, self.animal.loss, parts)


@pytest.fixture(scope="module", params=VALUES)
def known(request: pytest.FixtureRequest) -> Known:
    return Known(request.param)


def _close(found: torch.Tensor, truth: torch.Tensor, tolerance: float) -> None:
    torch.testing.assert_close(
        found.double(), truth.detach(), rtol=tolerance, atol=tolerance * float(truth.detach().abs().max())
    )


def test_gradients_of_the_mean_and_of_every_row(known: Known) -> None:
    problem = known.problem
    _close(torch.cat([g.flatten() for g in mean_gradient(problem).values()]), known.gradient, known.tolerance)
    _close(gradient_norms(problem).norms, known.norms, known.tolerance)


def test_products_and_eigenvalues(known: Known) -> None:
    problem = known.problem
    products = hessian_products(problem)
    eye = torch.eye(products.size).to(products.like)
    _close(products.block(eye), known.hessian, known.tolerance)
    largest = float(torch.linalg.eigvalsh(known.hessian)[-1])
    found = hessian_eigenvalues(problem, tolerance=1e-6).largest
    assert found.status == "ok" and found.value == pytest.approx(largest, rel=max(1e-5, known.tolerance))


def test_the_trace_is_exact_or_says_its_error(known: Known) -> None:
    truth = float(known.hessian.trace())
    found = hessian_trace(known.problem, num_probes=100)
    if known.animal.exact:
        assert found.standard_error == 0 and found.num_samples == ROWS
        assert found.value == pytest.approx(truth, rel=known.tolerance)
    else:
        assert found.standard_error > 0 and found.num_samples == 100
        assert abs(found.value - truth) < 4.5 * found.standard_error


def test_a_surface_has_the_losses_of_moved_copies(known: Known) -> None:
    if not any(p.ndim > 1 and name.endswith("weight") for name, p in known.parameters.items()):
        pytest.skip("no weight of two dimensions")
    problem = known.problem
    directions = filter_normalised_directions(problem)
    axis = torch.tensor([0.0, 0.3], dtype=torch.float64)
    surface = loss_surface(problem, directions=directions, coordinates=(axis, axis))
    assert float(surface.losses[0, 0]) == pytest.approx(float(known.value), rel=known.tolerance)
    copied = _plain(known.animal)
    with torch.no_grad():
        for name, p in copied.named_parameters():
            if name in directions[0]:
                p += 0.3 * (directions[0][name].double() + directions[1][name].double())
        inputs = known.inputs.double() if known.inputs.is_floating_point() else known.inputs
        targets = known.targets.double() if known.targets.is_floating_point() else known.targets.long()
        expected = known.animal.loss(copied(inputs), targets)
    assert float(surface.losses[1, 1]) == pytest.approx(float(expected), rel=max(known.tolerance, 1e-6))


def test_a_path_between_two_of_them_starts_and_ends_at_their_losses(known: Known) -> None:
    if any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in known.model.modules()):
        pytest.skip("statistics of activations are not on the line")
    rows = [(known.inputs, known.targets)]
    path = mode_connectivity(
        known.model, known.animal.model(), known.animal.loss, rows, rows, num_epochs=1, num_points=3
    )
    assert float(path.curve_losses[0]) == pytest.approx(float(known.value), rel=max(known.tolerance, 1e-6))
    assert float(path.linear_losses[-1]) == pytest.approx(float(known.value), rel=max(known.tolerance, 1e-6))


def test_norms_of_the_input_jacobian(known: Known) -> None:
    if known.animal.tokens:
        with pytest.raises(LowlandError, match="expected floating point"):
            input_jacobian_norm(known.problem)
        return
    found = input_jacobian_norm(known.problem)
    assert found.status == "ok" and found.num_samples == ROWS and found.value > 0


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_had_is_one_line(name: str) -> None:
    animal = ZOO[name]
    with pytest.raises(LowlandError, match=animal.refused) as caught:
        hessian_trace(animal.model(), animal.loss, [animal.data()])
    assert "\n" not in str(caught.value) and "; expected" in str(caught.value)


def test_a_loss_that_reads_the_parameters_is_refused() -> None:
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)).eval()
    rows = torch.randn(20, 4), torch.arange(20) % 3

    def penalised(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        penalty = sum(p.square().sum() for p in model.parameters())
        return nn.functional.cross_entropy(outputs, targets) + 0.1 * penalty

    for measure in (hessian_trace, hessian_eigenvalues, gradient_norms, mean_gradient):
        with pytest.raises(LowlandError, match=r"loss: reads the parameter '0\.weight' itself"):
            measure(model, penalised, [rows])


def test_there_are_enough_of_them() -> None:
    assert len(ZOO) >= 40
