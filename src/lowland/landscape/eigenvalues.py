"""Largest eigenvalues of the Hessian by the Lanczos method, with residuals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.landscape.products import HessianProducts
from lowland.landscape.subject import Batches, Dequantizable, Loss
from lowland.measurements import Measurement
from lowland.randomness import generator as keyed_generator

MAXIMUM_PRODUCTS = 200  # or twice the eigenvalues asked for, where that is more
CONFIRMATIONS = 3  # steps in a row that must meet the tolerance: a start without the top direction finds it late


@dataclass(frozen=True)
class Eigenvalues:
    """Largest eigenvalues of a Hessian.

    Attributes:
        values: [count] float64, in descending order; NaN where the Hessian is not finite.
        residuals: [count] norms of Hv - λv for the unit eigenvector v.
        converged: Whether every value met the tolerance.
        num_products: Hessian-vector products spent.
        num_rows: Rows that the loss was averaged over.
    """

    values: Tensor
    residuals: Tensor
    converged: bool
    num_products: int
    num_rows: int

    @property
    def largest(self) -> Estimate:
        """The largest one, deterministic on its rows; status ``not_converged`` where the tolerance was missed."""
        value = float(self.values[0])
        return Estimate(value, 0.0, self.num_rows, "ok" if self.converged or value != value else "not_converged")

    def rows(self) -> list[Measurement]:
        """The largest eigenvalue as a row of the long table."""
        return [Measurement("landscape", "largest_eigenvalue", self.largest)]


def hessian_eigenvalues(
    model: nn.Module | Dequantizable,
    loss: Loss,
    batches: Batches,
    *,
    count: int = 1,
    tolerance: float = 1e-3,
    generator: torch.Generator | None = None,
) -> Eigenvalues:
    r"""Largest (most positive) eigenvalues of the Hessian of the mean loss, by Lanczos with full reorthogonalisation.

    A Ritz value :math:`\theta` with residual r lies within r of an eigenvalue, and within :math:`r^2 / gap` of it where
    the gap to the other Ritz values is wider than r; the smaller bound is compared with :math:`tolerance \cdot
    |\theta|` and must pass in three steps in a row. Copies of a repeated eigenvalue are found only after the space
    around the first is exhausted.

    Args:
        model: Module in evaluation mode, or a deployed network with ``dequantized()``; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets). A single batch is several times faster than many (see
            ``HessianProducts``).
        count: How many, 1 to the number of parameters.
        tolerance: Relative error of each value, above 0. In float32 products, below 1e-6 it cannot be met.
        generator: CPU generator of the starting vector; a fixed one without it.

    Returns:
        Values with residuals; ``converged`` is False where 200 products (2 count, if more) were not enough.

    Raises:
        LowlandError: ``count`` or ``tolerance`` out of range, training mode, unusable batches, parameters without
            gradient.

    Source:
        Golub and Van Loan, Matrix Computations (2013), chapter 10; error bounds: Parlett, The Symmetric Eigenvalue
        Problem (1998), theorem 11.7.1.
    """
    if not tolerance > 0:
        raise LowlandError(f"tolerance: got {tolerance}; expected a relative error above 0")
    product = HessianProducts(model, loss, batches)
    if not 1 <= count <= product.size:
        raise LowlandError(f"count: got {count}; expected 1 to the {product.size} parameters of the model")
    draws = generator or keyed_generator("hessian_eigenvalues")
    values, residuals, converged, steps = _lanczos(product, product.size, product.like, count, tolerance, draws)
    return Eigenvalues(values, residuals, converged, steps, product.num_rows)


def _lanczos(
    product: Callable[[Tensor], Tensor], size: int, like: Tensor, count: int, tolerance: float, draws: torch.Generator
) -> tuple[Tensor, Tensor, bool, int]:
    """Ritz values, residuals, whether they converged, number of products."""
    limit = min(size, max(MAXIMUM_PRODUCTS, 2 * count))
    basis = like.new_empty(limit, size)
    tridiagonal = torch.zeros(limit + 1, limit + 1, dtype=torch.float64)
    basis[0] = _orthogonalised(torch.randn(size, generator=draws).to(like), basis[:0])
    unknown = torch.full((count,), torch.nan, dtype=torch.float64)
    values, residuals, confirmed = unknown, unknown, 0
    for step in range(limit):
        image = product(basis[step])
        if not image.isfinite().all():
            return unknown, unknown, False, step + 1
        tridiagonal[step, step] = torch.dot(image, basis[step])
        used = basis[: step + 1]
        remainder = image - used.T @ (used @ image)
        remainder -= used.T @ (used @ remainder)
        norm = float(remainder.norm())
        ritz, vectors = torch.linalg.eigh(tridiagonal[: step + 1, : step + 1])
        scale = float(ritz.abs().max())
        exhausted = norm <= 10 * torch.finfo(like.dtype).eps * scale
        if step + 1 >= count:
            values = ritz.flip(0)[:count]
            residuals = norm * vectors[-1].abs().flip(0)[:count]
            met = bool((_error_bounds(ritz.flip(0), residuals) <= tolerance * values.abs()).all())
            confirmed = confirmed + 1 if met and not exhausted else 0
            if step + 1 == size or confirmed == CONFIRMATIONS:
                return values, residuals, True, step + 1
        if step + 1 == limit:
            break
        if exhausted:  # an invariant subspace: what is left of the space is orthogonal to it
            basis[step + 1] = _orthogonalised(torch.randn(size, generator=draws).to(like), used)
        else:
            tridiagonal[step, step + 1] = tridiagonal[step + 1, step] = norm
            basis[step + 1] = remainder / norm
    return values, residuals, False, limit


def _orthogonalised(vector: Tensor, basis: Tensor) -> Tensor:
    """The unit vector along what is left of a vector outside an orthonormal basis."""
    for _ in range(2):
        vector = vector - basis.T @ (basis @ vector)
    return vector / vector.norm()


def _error_bounds(ritz: Tensor, residuals: Tensor) -> Tensor:
    """Residual, or its square over the gap to the nearest other Ritz value where that is smaller and the gap exists."""
    gaps = (ritz[None, :] - ritz[: len(residuals), None]).abs()
    gaps[torch.arange(len(residuals)), torch.arange(len(residuals))] = torch.inf
    nearest = gaps.amin(1)
    usable = (nearest > residuals) & nearest.isfinite()  # a lone Ritz value knows of no gap
    return torch.where(usable, residuals.square() / nearest, residuals)
