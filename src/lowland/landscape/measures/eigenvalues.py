"""Eigenvalues at the ends of the Hessian's spectrum by the block Lanczos method, with residuals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.landscape.curvature.products import hessian_products
from lowland.landscape.measures.block_lanczos import BlockLanczos, End
from lowland.landscape.problem.batches import spread_rows
from lowland.landscape.problem.model import Batches, Loss
from lowland.landscape.problem.problem import Model, problem_of
from lowland.measurements import Measurement
from lowland.randomness import generator as keyed_generator

GUARDS = 1  # random vectors in a block beyond those wanted: what the others miss comes in through them
COARSE_ROWS = 1000  # at most so many rows give the starting vectors ...
FEWEST_COARSE_ROWS = 500  # ... and at least so many ...
COARSE_SHARE = 0.1  # ... where they are no more than this share of all
COARSE_TOLERANCE = 1e-2


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
        coarse = BlockLanczos(product.on((rows,)), count, which, max(tolerance, COARSE_TOLERANCE), draws)
        coarse.run(start[:count])
        if not coarse.values.isnan().any():
            start, known, mixed = coarse.mixed_start(), coarse.others(), True
    lanczos = BlockLanczos(product, count, which, tolerance, draws, known)
    lanczos.run(start, mixed=mixed)
    vectors = None
    if with_vectors:
        flat = lanczos.vectors().split([shape.numel() for shape in product.shapes.values()], 1)
        vectors = {n: v.reshape(len(v), *s) for (n, s), v in zip(product.shapes.items(), flat, strict=True)}
    return Eigenvalues(
        lanczos.values, lanczos.residuals, lanczos.converged, lanczos.steps, product.num_rows, vectors, which
    )
