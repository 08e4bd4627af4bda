"""The block Lanczos method with full reorthogonalisation: a basis that grows until the wanted eigenvalues are right."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from lowland.landscape.curvature.products import HessianProducts

End = Literal["largest", "smallest", "both"]

MAXIMUM_PRODUCTS = 200
MAXIMUM_BLOCKS = 12  # where that is more
CONFIRMATIONS = 3  # steps in a row that must meet the tolerance: a random vector finds the top direction late
COARSE_CURVATURE = 0.01  # of the largest: directions that the few rows show; random parts are at right angles to them
GUARD_SIZE = 3.0  # of the random part of a starting vector, in units of the eigenvector of the few rows
RISK = 0.03  # that the random parts were so small along a direction beyond those wanted that it is not seen
EXCESS = 0.1  # of the largest: what no other eigenvalue may exceed those wanted by, as far as residuals tell


class BlockLanczos:
    """An orthonormal basis, the Hessian in it, and what its eigenvalues tell of the whole.

    Args:
        product: Products with the Hessian.
        count: How many values are wanted at each end.
        which: The end or ends.
        tolerance: Relative error of each value.
        draws: Of random vectors where the space is exhausted, and of mixed starts.
        known: Eigenvalues of fewer rows that are not wanted: gaps to them count too.
    """

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
