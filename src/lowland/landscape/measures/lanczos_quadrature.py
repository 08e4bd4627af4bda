"""The density of the Hessian's eigenvalues by stochastic Lanczos quadrature, with standard errors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.estimate import Estimate, Status
from lowland.landscape.curvature.products import HessianProducts, hessian_products
from lowland.landscape.problem.model import Batches, Loss
from lowland.landscape.problem.problem import Model, problem_of
from lowland.measurements import Measurement
from lowland.randomness import generator as keyed_generator

GRID_POINTS = 512
RELATIVE_WIDTH = 0.01  # of the nodes' range
MARGIN = 6.0  # widths that the default grid extends beyond the outermost nodes: all mass lies on it


@dataclass(frozen=True)
class SpectralDensity:
    r"""Smoothed density of eigenvalues :math:`\rho(x) = \frac{1}{p} \sum_i N(x; \lambda_i, width^2)`, sampled.

    Attributes:
        nodes: [runs, steps] float64 quadrature nodes, ascending; NaN where the Hessian is not finite.
        weights: [runs, steps] their weights, 1 in sum for each run: the run's mean of f over the spectrum is
            ``(weights * f(nodes)).sum(1)``.
        grid: [g] eigenvalues, in units of the loss.
        density: [g] mean density over runs; its integral is 1.
        standard_error: [g] of the density, over runs.
        width: Standard deviation of the Gaussian around each node.
        size: Number of eigenvalues (parameters).
        num_products: Hessian-vector products spent.
        num_rows: Rows that the loss was averaged over.
        status: ``ok`` or ``non_finite``.
        truncation: About how far the finite number of steps moves the negative share. The larger of two signs of it:
            its largest change over the last third of the steps, and half the difference between the quadrature of one
            step less and its anti-Gauss rule, whose error is about the opposite. 0 where the steps exhaust the space,
            NaN after a single one.
    """

    nodes: Tensor
    weights: Tensor
    grid: Tensor
    density: Tensor
    standard_error: Tensor
    width: float
    size: int
    num_products: int
    num_rows: int
    status: Status
    truncation: float

    @property
    def negative_mass(self) -> Estimate:
        r"""Share of the curvature that is negative, :math:`\sum_{\lambda < 0} |\lambda| / \sum |\lambda|`.

        Weighted by size, so that eigenvalues that are zero up to rounding do not count. The standard error is that of
        the ratio of means over runs, to first order, and the truncation, in quadrature: where a few steps have to tell
        small eigenvalues of both signs apart, the second is the larger one, and too wide rather than too narrow. Status
        ``not_converged`` after a single step.
        """
        if self.status != "ok":
            return Estimate.missing(self.status)
        negative, total = _masses(self.nodes, self.weights)
        if not float(total.mean()) > 0:
            return Estimate.missing("undefined")
        share = float(negative.sum() / total.sum())
        if math.isnan(self.truncation):
            return Estimate(share, math.inf, len(total), "not_converged")
        spread = Estimate.from_samples((negative - share * total) / total.mean())
        return Estimate(share, math.hypot(spread.standard_error, self.truncation), len(total))

    @property
    def trace(self) -> Estimate:
        """Trace of the Hessian: the runs' mean eigenvalue times their number (Hutchinson's estimator)."""
        return Estimate.from_samples((self.weights * self.nodes).sum(1) * self.size)

    def rows(self) -> list[Measurement]:
        """The negative share as a row of the long table."""
        return [Measurement("landscape", "negative_spectral_mass", self.negative_mass)]


def spectral_density(
    model: Model,
    loss: Loss | None = None,
    batches: Batches | None = None,
    *,
    num_runs: int = 10,
    num_steps: int = 50,
    grid: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> SpectralDensity:
    r"""Density of the eigenvalues of the Hessian of the mean loss, by stochastic Lanczos quadrature.

    Each run starts from random signs v and takes ``num_steps`` Lanczos steps with full reorthogonalisation; the
    eigenvalues of the tridiagonal matrix are the nodes and the squared first components of its eigenvectors the
    weights of a Gauss quadrature for :math:`v^T f(H) v / p`, exact for polynomials up to degree 2 steps - 1. All runs
    advance together, so that the Hessian products share their work.

    Args:
        model: Module in evaluation mode, deployed network with ``dequantized()``, or ``Problem``; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets); their sizes do not matter.
        num_runs: Independent starts, at least 2: their spread is the standard error.
        num_steps: Lanczos steps a run, at least 1; no more than there are parameters are taken.
        grid: Ascending eigenvalues [g] at which the density is wanted; 512 that span all nodes without it.
        generator: CPU generator of the starts; a fixed one without it.

    Returns:
        Nodes, weights and the density on the grid, smoothed by a Gaussian of 1 % of the nodes' range.

    Raises:
        LowlandError: Too few runs or steps, a grid that is no ascending vector, training mode, unusable batches,
            parameters without gradient, losses that are no means over rows.

    Source:
        Ghorbani et al., ICML (2019), arXiv:1901.10159, section 2; Golub and Meurant, Matrices, Moments and Quadrature
        (2010); anti-Gauss rules: Laurie, Mathematics of Computation 65 (1996) 739.
    """
    if num_runs < 2:
        raise LowlandError(f"num_runs: got {num_runs}; expected at least 2, or no standard error can be given")
    if num_steps < 1:
        raise LowlandError(f"num_steps: got {num_steps}; expected at least 1")
    if grid is not None and (grid.ndim != 1 or len(grid) < 2 or not bool((grid.diff() > 0).all())):
        raise LowlandError(f"grid: got shape {tuple(grid.shape)}; expected at least 2 ascending values in a vector")
    product = hessian_products(problem_of(model, loss, batches))
    draws = generator or keyed_generator("spectral_density")
    start = torch.randint(0, 2, (num_runs, product.size), generator=draws).mul_(2).sub_(1)
    found, products = _tridiagonals(product, start.to(product.like), min(num_steps, product.size), draws)
    finite = bool(found.isfinite().all())
    if finite:
        nodes, vectors = torch.linalg.eigh(found)
        weights = vectors[:, 0].square()
    else:
        nodes = torch.full(found.shape[:2], torch.nan, dtype=torch.float64)
        weights = nodes
    width = _width(nodes) if finite else math.nan
    points = _grid(nodes, width) if grid is None else grid.double()
    shapes = torch.stack([(w * _gaussians(points, n, width)).sum(1) for n, w in zip(nodes, weights, strict=True)])
    return SpectralDensity(
        nodes,
        weights,
        points,
        shapes.mean(0),
        shapes.std(0) / num_runs**0.5,
        width,
        product.size,
        products,
        product.num_rows,
        "ok" if finite else "non_finite",
        _truncation(found, product.size) if finite else math.nan,
    )


def _tridiagonals(
    product: HessianProducts, start: Tensor, num_steps: int, draws: torch.Generator
) -> tuple[Tensor, int]:
    """The runs' tridiagonal matrices [runs, steps, steps], NaN where the Hessian is not finite; products spent."""
    runs = len(start)
    basis = start.new_empty(runs, num_steps, product.size)
    matrices = torch.zeros(runs, num_steps, num_steps, dtype=torch.float64)
    basis[:, 0] = start / start.norm(dim=1, keepdim=True)
    for step in range(num_steps):
        images = product.block(basis[:, step])
        if not images.isfinite().all():
            return matrices.fill_(torch.nan), runs * (step + 1)
        matrices[:, step, step] = (images * basis[:, step]).sum(1).double()
        if step + 1 == num_steps:
            break
        remainder = _outside(_outside(images, basis[:, : step + 1]), basis[:, : step + 1])
        norms = remainder.norm(dim=1)
        scale = matrices[:, : step + 1, : step + 1].abs().amax((1, 2))
        exhausted = norms.double() <= 10 * torch.finfo(start.dtype).eps * scale
        # The rest of an exhausted run is decoupled: its nodes get no weight.
        matrices[:, step, step + 1] = matrices[:, step + 1, step] = norms.double().masked_fill(exhausted, 0.0)
        for run in exhausted.nonzero().flatten().tolist():
            fresh = torch.randn(1, product.size, generator=draws).to(start)
            for _ in range(3):
                fresh = _outside(fresh, basis[run : run + 1, : step + 1])
            remainder[run], norms[run] = fresh[0], fresh.norm()
        basis[:, step + 1] = remainder / norms[:, None]
    return matrices, runs * num_steps


def _outside(vectors: Tensor, basis: Tensor) -> Tensor:
    """Vectors [runs, size] without their parts in each run's basis [runs, n, size]."""
    parts = torch.bmm(basis, vectors[:, :, None])
    return torch.baddbmm(vectors[:, None], parts.transpose(1, 2), basis, alpha=-1)[:, 0]


def _masses(nodes: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Mean size of negative eigenvalues, and of all, in each run [runs]."""
    return (weights * nodes.clamp(max=0).abs()).sum(1), (weights * nodes.abs()).sum(1)


def _truncation(matrices: Tensor, size: int) -> float:
    """How far the negative share may be off for the number of steps, see ``SpectralDensity.truncation``."""
    steps = matrices.shape[1]
    if steps == size:
        return 0.0
    if steps < 2:
        return math.nan
    opposite = matrices.clone()  # the anti-Gauss rule: the last coupling times the root of 2
    opposite[:, -1, -2] *= math.sqrt(2)
    opposite[:, -2, -1] *= math.sqrt(2)
    shares = [_negative_share(matrices[:, :k, :k]) for k in range(max(1, 2 * steps // 3), steps + 1)]
    moved = max(abs(shares[-1] - share) for share in shares)
    return max(moved, abs(_negative_share(opposite) - shares[-2]) / 2)


def _negative_share(matrices: Tensor) -> float:
    """By the quadratures of tridiagonal matrices [runs, steps, steps]; 0 where all eigenvalues are."""
    nodes, vectors = torch.linalg.eigh(matrices)
    negative, total = _masses(nodes, vectors[:, 0].square())
    return float(negative.sum() / total.sum()) if float(total.sum()) > 0 else 0.0


def _width(nodes: Tensor) -> float:
    """One hundredth of the nodes' range, or of their size where all are equal, or of 1 where all are zero."""
    spread = float(nodes.max() - nodes.min())
    return RELATIVE_WIDTH * (spread or float(nodes.abs().max()) or 1.0)


def _grid(nodes: Tensor, width: float) -> Tensor:
    """Evenly spaced points that hold all of the smoothed density."""
    if math.isnan(width):
        return torch.full((GRID_POINTS,), torch.nan, dtype=torch.float64)
    margin = MARGIN * width
    return torch.linspace(float(nodes.min()) - margin, float(nodes.max()) + margin, GRID_POINTS, dtype=torch.float64)


def _gaussians(points: Tensor, nodes: Tensor, width: float) -> Tensor:
    """Normal densities [points, nodes]."""
    return torch.exp(-0.5 * ((points[:, None] - nodes) / width).square()) / (width * math.sqrt(2 * math.pi))
