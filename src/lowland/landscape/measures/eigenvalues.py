"""Eigenvalues at the ends of the Hessian's spectrum by the block Lanczos method, with residuals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.landscape.curvature.products import HessianProducts, hessian_products
from lowland.landscape.problem.batches import spread_rows
from lowland.landscape.problem.model import Batches, Loss
from lowland.landscape.problem.problem import Model, problem_of
from lowland.measurements import Measurement
from lowland.randomness import generator as keyed_generator

End = Literal["largest", "smallest", "both"]

MAXIMUM_PRODUCTS = 200
MAXIMUM_BLOCKS = 12  # where that is more
CONFIRMATIONS = 3  # steps in a row that must meet the tolerance: a random vector finds the top direction late
GUARDS = 1  # random vectors in a block beyond those wanted: what the others miss comes in through them
COARSE_ROWS = 1000  # at most so many rows give the starting vectors ...
FEWEST_COARSE_ROWS = 500  # ... and at least so many ...
COARSE_SHARE = 0.1  # ... where they are no more than this share of all
COARSE_TOLERANCE = 1e-2
COARSE_CURVATURE = 0.01  # of the largest: directions that the few rows show; random parts are at right angles to them
GUARD_SIZE = 3.0  # of the random part of a starting vector, in units of the eigenvector of the few rows
RISK = 0.03  # that the random parts were so small along a direction beyond those wanted that it is not seen
EXCESS = 0.1  # of the largest: what no other eigenvalue may exceed those wanted by, as far as residuals tell


@dataclass(frozen=True)
class Eigenvalues:
    """Eigenvalues at one end of a Hessian's spectrum, or at both.

    Attributes:
        values: float64; the largest in descending order, the smallest in ascending order (most negative first), or
            both, the largest first; NaN where the Hessian is not finite.
        residuals: Norms of Hv - λv for the unit eigenvectors v, by the Lanczos relation (equal to them up to rounding).
        converged: Whether every value met the tolerance.
        num_products: Hessian-vector products with all rows; those with few rows, that gave the starting vectors, are
            not counted.
        num_rows: Rows that the loss was averaged over.
        vectors: Unit eigenvectors [values, *shape] by parameter name, in the order of the values; ``None`` if not
            asked for.
        which: The end or ends.
    """

    values: Tensor
    residuals: Tensor
    converged: bool
    num_products: int
    num_rows: int
    vectors: dict[str, Tensor] | None = field(default=None, repr=False)
    which: End = "largest"

    @property
    def largest(self) -> Estimate:
        """The largest one, deterministic on its rows; status ``not_converged`` where the tolerance was missed."""
        return Estimate.missing("undefined") if self.which == "smallest" else self._estimate(0)

    @property
    def smallest(self) -> Estimate:
        """The most negative one, likewise."""
        if self.which == "largest":
            return Estimate.missing("undefined")
        return self._estimate(0 if self.which == "smallest" else len(self.values) // 2)

    def rows(self) -> list[Measurement]:
        """The outermost eigenvalues that were asked for as rows of the long table."""
        ends = {"largest_eigenvalue": self.largest, "smallest_eigenvalue": self.smallest}
        return [Measurement("landscape", name, end) for name, end in ends.items() if end.status != "undefined"]

    def _estimate(self, index: int) -> Estimate:
        value = float(self.values[index])
        return Estimate(value, 0.0, self.num_rows, "ok" if self.converged or value != value else "not_converged")


def hessian_eigenvalues(
    model: Model,
    loss: Loss | None = None,
    batches: Batches | None = None,
    *,
    count: int = 1,
    which: End = "largest",
    tolerance: float = 1e-3,
    with_vectors: bool = False,
    generator: torch.Generator | None = None,
) -> Eigenvalues:
    r"""Eigenvalues at the ends of the spectrum, by block Lanczos with full reorthogonalisation.

    Random blocks have more vectors than eigenvalues are wanted, so that all copies of a repeated one are found. A Ritz
    value :math:`\theta` with residual r lies within r of an eigenvalue, and within :math:`r^2 / gap` where the gap to
    the other Ritz values is wider than r; the smaller bound must pass :math:`tolerance \cdot |\theta|` (or
    :math:`tolerance^2` of the largest in size, for eigenvalues near 0), in three steps in a row, with no other Ritz
    value that its residual could carry beyond those wanted by more than a tenth of the largest.

    With 5,000 rows or more, the eigenvectors on a tenth of them (at most 1,000), drawn from all batches, are starting
    vectors, and the gaps there count too. They may lie in a space of their own (one row that is far larger than the
    others may not be among the few), so a random vector is added to each. From its known distribution follows how
    probably an eigenvalue more than a tenth of the largest beyond those wanted would have left no trace in the basis:
    at 3 % the search ends, after one step that meets the tolerance. No method that looks at products alone can exclude
    that it misses a direction: the residuals prove that there is an eigenvalue near each value, not that it is the
    outermost. Where a direction among 4,000 that the few rows did not show was a tenth (a third, twice) above the rest,
    about 3 % (1 %, none) of 300 trials overlooked it.

    Args:
        model: Module in evaluation mode, deployed network with ``dequantized()``, or ``Problem``; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets).
        count: How many at each end, 1 to the number of parameters (half of it for ``both``).
        which: ``largest`` (most positive), ``smallest`` (most negative) or ``both``.
        tolerance: Relative error of each value, above 0. In float32 products, below 1e-6 it cannot be met.
        with_vectors: Whether the eigenvectors are wanted.
        generator: CPU generator of the starting vectors; a fixed one without it.

    Returns:
        Values with residuals; ``converged`` is False where 200 products (12 blocks, if more) were not enough.

    Raises:
        LowlandError: ``count``, ``which`` or ``tolerance`` out of range, training mode, unusable batches, parameters
            without gradient, losses that are no means over rows.

    Source:
        Golub and Van Loan, Matrix Computations (2013), section 10.3.6; error bounds: Parlett, The Symmetric Eigenvalue
        Problem (1998), theorem 11.7.1; what a random start may hide: Kuczynski and Wozniakowski, SIAM Journal on Matrix
        Analysis and Applications 13 (1992) 1094.
    """
    if not tolerance > 0:
        raise LowlandError(f"tolerance: got {tolerance}; expected a relative error above 0")
    if which not in get_args(End):
        raise LowlandError(f"which: got {which!r}; expected 'largest', 'smallest' or 'both'")
    problem = problem_of(model, loss, batches)
    product = hessian_products(problem)
    if not 1 <= count <= product.size // (2 if which == "both" else 1):
        half = "half of " if which == "both" else ""
        raise LowlandError(f"count: got {count}; expected 1 to {half}the {product.size} parameters of the model")
    draws = generator or keyed_generator("hessian_eigenvalues")
    start = torch.randn(min(count + GUARDS, product.size), product.size, generator=draws).to(product.like)
    known, mixed = torch.empty(0), False
    few = min(COARSE_ROWS, int(COARSE_SHARE * product.num_rows))
    if few >= FEWEST_COARSE_ROWS:
        rows = spread_rows(problem.batches, few)
        coarse = _Lanczos(product.on((rows,)), count, which, max(tolerance, COARSE_TOLERANCE), draws)
        coarse.run(start[:count])
        if not coarse.values.isnan().any():
            start, known, mixed = coarse.mixed_start(), coarse.others(), True
    lanczos = _Lanczos(product, count, which, tolerance, draws, known)
    lanczos.run(start, mixed=mixed)
    vectors = None
    if with_vectors:
        flat = lanczos.vectors().split([shape.numel() for shape in product.shapes.values()], 1)
        vectors = {n: v.reshape(len(v), *s) for (n, s), v in zip(product.shapes.items(), flat, strict=True)}
    return Eigenvalues(
        lanczos.values, lanczos.residuals, lanczos.converged, lanczos.steps, product.num_rows, vectors, which
    )


class _Lanczos:
    """Block Lanczos: an orthonormal basis, the Hessian in it, and what its eigenvalues tell of the whole."""

    def __init__(
        self,
        product: HessianProducts,
        count: int,
        which: End,
        tolerance: float,
        draws: torch.Generator,
        known: Tensor | None = None,
    ) -> None:
        self._product, self._which, self._count = product, which, count
        self._tolerance, self._draws = tolerance, draws
        self._known = torch.empty(0) if known is None else known
        self.steps = 0
        self.converged = False
        wanted = 2 * count if which == "both" else count
        self.values = torch.full((wanted,), torch.nan, dtype=torch.float64)
        self.residuals = self.values.clone()
        self._ritz = torch.empty(0, dtype=torch.float64)
        self._coordinates = torch.empty(0, 0, dtype=torch.float64)
        self._basis = product.like.new_empty(0, product.size)

    def run(self, start: Tensor, *, mixed: bool = False) -> None:
        """Until the wanted values have met the tolerance three times in a row, or space or patience is at an end.

        Args:
            start: [block, size], linearly independent or not.
            mixed: Whether they are those of ``mixed_start``: then once is enough, if the risk is small as well.
        """
        size = self._product.size
        limit = min(size, max(MAXIMUM_PRODUCTS, MAXIMUM_BLOCKS * len(start)))
        basis = self._product.like.new_empty(limit, size)
        matrix = torch.zeros(limit, limit, dtype=torch.float64)
        block, _ = self._orthonormal(start[:limit], basis[:0], 0.0)
        parts = (start @ block.T).double()
        confirmed = 0
        while True:
            low, high = self.steps, self.steps + len(block)
            basis[low:high] = block
            images = self._product.block(block)
            self.steps = high
            if not images.isfinite().all():
                return
            self._basis = basis[:high]
            inner = (self._basis @ images.T).double()
            matrix[:high, low:high] = inner
            matrix[low:high, :high] = inner.T
            matrix[low:high, low:high] = (inner[low:] + inner[low:].T) / 2
            remainder = images - inner.T.to(images) @ self._basis
            remainder -= (remainder @ self._basis.T) @ self._basis
            self._ritz, self._coordinates = torch.linalg.eigh(matrix[:high, :high])
            scale = float(self._ritz.abs().max())
            block, exhausted = self._orthonormal(remainder[: limit - high], self._basis, scale)
            if high >= len(self.values):
                met = self._judged((remainder @ remainder.T).double(), low)
                confirmed = confirmed + 1 if met and not exhausted else 0
                sure = confirmed == CONFIRMATIONS
                if mixed:
                    sure = met and self._risk(matrix[:high, :high], (block @ remainder.T).double(), parts) <= RISK
                if high == size or sure:
                    self.converged = True
                    return
            if high == limit:
                return

    def mixed_start(self) -> Tensor:
        """The wanted Ritz vectors, each with a random vector added that has no part along any large curvature."""
        found = self.vectors()
        random = torch.randn(found.shape, generator=self._draws).to(found) / self._product.size**0.5
        large = self._ritz.abs() >= COARSE_CURVATURE * self._ritz.abs().max()
        if 2 * int(large.sum()) <= self._product.size:
            seen = self._coordinates[:, large].T.to(found) @ self._basis
            random -= (random @ seen.T) @ seen
        return found + GUARD_SIZE * random

    def others(self) -> Tensor:
        """Ritz values that are not wanted."""
        kept = torch.ones(len(self._ritz), dtype=torch.bool)
        kept[self._wanted()] = False
        return self._ritz[kept]

    def vectors(self) -> Tensor:
        """Unit Ritz vectors [values, size]; NaN where the Hessian is not finite."""
        if self.values.isnan().any():
            return self._product.like.new_full((len(self.values), self._product.size), torch.nan)
        found = self._coordinates[:, self._wanted()].T.to(self._basis) @ self._basis
        return found / found.norm(dim=1, keepdim=True)

    def _wanted(self) -> Tensor:
        """Places of the wanted values among the ascending Ritz values."""
        total = len(self._ritz)
        top = torch.arange(total - 1, max(-1, total - 1 - self._count), -1)
        bottom = torch.arange(min(self._count, total))
        return {"largest": top, "smallest": bottom, "both": torch.cat([top, bottom])}[self._which]

    def _judged(self, gram: Tensor, low: int) -> bool:
        """Takes over values and residuals; whether all of them are good enough, and no other may lie beyond them."""
        wanted = self._wanted()
        tail = self._coordinates[low:]
        residuals = (tail * (gram @ tail)).sum(0).clamp(min=0).sqrt()
        self.values, self.residuals = self._ritz[wanted], residuals[wanted]
        gaps = (self._ritz[None] - self.values[:, None]).abs()
        gaps[torch.arange(len(wanted)), wanted] = torch.inf
        nearest = torch.cat([gaps, (self._known[None] - self.values[:, None]).abs()], 1).amin(1)
        usable = (nearest > self.residuals) & nearest.isfinite()  # a lone Ritz value knows of no gap
        bounds = torch.where(usable, self.residuals.square() / nearest, self.residuals)
        scale = float(self._ritz.abs().max())
        allowed = (self._tolerance * self.values.abs()).clamp(min=self._tolerance**2 * scale)
        return bool((bounds <= allowed).all()) and not self._exceeded(wanted, residuals, EXCESS * scale)

    def _exceeded(self, wanted: Tensor, residuals: Tensor, margin: float) -> bool:
        """Whether an eigenvalue within the residual of another Ritz value may lie beyond all wanted by the margin."""
        others = torch.ones(len(self._ritz), dtype=torch.bool)
        others[wanted] = False
        high, low = self._ritz + residuals - margin, self._ritz - residuals + margin
        top = self._which != "smallest" and bool((high[others] > self.values[0]).any())
        return top or (self._which != "largest" and bool((low[others] < self.values[-self._count]).any()))

    def _risk(self, matrix: Tensor, coupling: Tensor, parts: Tensor) -> float:
        r"""How probably a mixed start would hide an eigenvalue that lies beyond all wanted ones by the margin.

        A unit eigenvector with eigenvalue :math:`\mu` has the part y in the basis, :math:`(T - \mu) y = -E B^T z`, and
        z in the next block, with no more than length 1 in all. So it can have no more than a certain part along the
        starting vectors, whose random parts make it a multiple of :math:`\chi^2` at least.

        Args:
            matrix: The Hessian T in the basis [n, n].
            coupling: B, parts of the last block's remainders along the next block [next, block].
            parts: Parts of the starting vectors along the first block [vectors, block].
        """
        size, (following, last), count = len(matrix), coupling.shape, len(parts)
        if following == 0:
            return 1.0
        margin = EXCESS * float(self._ritz.abs().max())
        beyond = [float(self.values[0]) + margin] if self._which != "smallest" else []
        beyond += [float(self.values[-self._count]) - margin] if self._which != "largest" else []
        entering = matrix.new_zeros(size, following)
        entering[-last:] = coupling.T
        hidden = 0.0
        for value in beyond:
            inside = torch.linalg.solve(value * torch.eye(size, dtype=matrix.dtype) - matrix, entering)
            space = torch.linalg.qr(torch.cat([inside, torch.eye(following, dtype=matrix.dtype)])).Q
            seen = torch.linalg.matrix_norm(parts @ space[: parts.shape[1]], ord=2)
            hidden = max(hidden, float(seen) ** 2)
        squares = hidden * self._product.size / GUARD_SIZE**2
        return float(torch.special.gammainc(torch.tensor(count / 2), torch.tensor(squares / 2)))

    def _orthonormal(self, block: Tensor, basis: Tensor, scale: float) -> tuple[Tensor, bool]:
        """Orthonormal rows outside a basis that span the block's; random ones where it is exhausted, and whether."""
        found = block.new_empty(len(block), block.shape[1])
        exhausted = False
        least = 10 * torch.finfo(block.dtype).eps * scale
        for index, row in enumerate(block):
            norm = row.norm()
            for _ in range(2):
                row = row - (found[:index] @ row) @ found[:index]
            if not float(row.norm()) > max(least, 1e-6 * float(norm)):  # an invariant subspace
                exhausted = True
                row = torch.randn(len(row), generator=self._draws).to(row)
                for _ in range(3):
                    row = row - (basis @ row) @ basis
                    row = row - (found[:index] @ row) @ found[:index]
            found[index] = row / row.norm()
        return found, exhausted
