"""Random probes of the Hessian's diagonal, a few at a time, so that memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from lowland.landscape.curvature.products import HessianProducts

PROBES_AT_ONCE = 4  # more are hardly faster, but need as many times the memory
PROBE_ELEMENTS = 2**17  # of the probes worked on at once
ROUNDING = 1e3  # units of rounding that a row must keep outside the others to give a direction of its own


class WeightedHessian:
    """S H S for a diagonal S, the roots of the weights' sizes; without weights the Hessian itself."""

    def __init__(self, product: HessianProducts, weights: Mapping[str, Tensor] | None) -> None:
        self._product = product
        self.names = list(product.shapes)
        self.size, self.like = product.size, product.like
        self._sizes = [shape.numel() for shape in product.shapes.values()]
        self._root: Tensor | None = None
        self._signs: Tensor | None = None
        if weights is not None:
            flat = torch.cat(
                [
                    weights[name].detach().to(self.like).flatten() if name in weights else self.like.new_zeros(size)
                    for name, size in zip(self.names, self._sizes, strict=True)
                ]
            )
            self._root = flat.abs().sqrt()
            self._signs = flat.sign() if bool((flat < 0).any()) else None

    def block(self, vectors: Tensor) -> Tensor:
        """Products with vectors [k, size]."""
        if self._root is None:
            return self._product.block(vectors)
        return self._product.block(vectors * self._root).mul_(self._root)

    def sums(self, left: Tensor, right: Tensor) -> Tensor:
        """Sums of left times right [k, size] over each parameter tensor, with the signs of the weights: [tensors, k].

        Tensor after tensor, so that no third block of vectors is held.
        """
        found = []
        start = 0
        for size in self._sizes:
            part = slice(start, start + size)
            terms = left[:, part] * right[:, part]
            found.append((terms if self._signs is None else terms * self._signs[part]).sum(1, dtype=torch.float64))
            start += size
        return torch.stack(found).cpu()


def hutchinson_samples(matrix: WeightedHessian, num_probes: int, draws: torch.Generator) -> Tensor:
    r"""Samples of the sums of the diagonal over each parameter tensor, :math:`\sum_i v_i (H v)_i` with random signs v.

    Args:
        matrix: The Hessian, weighted or not.
        num_probes: Random vectors.
        draws: CPU generator of these.

    Returns:
        [tensors, probes] float64.

    Source:
        Hutchinson, Communications in Statistics 18 (1989) 1059.
    """
    parts = []
    for count in _counts(matrix, num_probes):
        signs = _signs(matrix, count, draws)
        parts.append(matrix.sums(signs, matrix.block(signs)))
    return torch.cat(parts, 1)


def hutch_plus_plus_samples(matrix: WeightedHessian, num_probes: int, draws: torch.Generator) -> Tensor:
    """The same sums: what touches the largest eigenvalues, known, and the rest of the diagonal, sampled.

    Args:
        matrix: The Hessian, weighted or not.
        num_probes: Hessian products, a third each for the range, what is known and the rest.
        draws: CPU generator of the random vectors.

    Returns:
        [tensors, samples] float64.

    Source:
        Meyer et al., "Hutch++: optimal stochastic trace estimation", SOSA (2021), arXiv:2010.09649, algorithm 1.
    """
    third = num_probes // 3
    basis = matrix.like.new_empty(min(third, matrix.size), matrix.size)
    counts = _counts(matrix, len(basis))
    for part in basis.split(counts):
        part.copy_(matrix.block(_signs(matrix, len(part), draws)))
        if not part.isfinite().all():
            return torch.full((len(matrix.names), 1), torch.nan, dtype=torch.float64)
    _make_orthonormal(basis)
    known = torch.zeros(len(matrix.names), dtype=torch.float64)
    inner = basis.new_empty(len(basis), len(basis))
    for part, columns in zip(basis.split(counts), inner.split(counts, 1), strict=True):
        moved = matrix.block(part)
        columns.copy_(basis @ moved.T)
        known += 2 * matrix.sums(part, moved).sum(1)
    for part, rows in zip(basis.split(counts), inner.split(counts), strict=True):
        known -= matrix.sums(part, rows @ basis).sum(1)
    parts = []
    for count in _counts(matrix, num_probes - 2 * third):
        signs = _signs(matrix, count, draws)
        images = matrix.block(signs - (signs @ basis.T) @ basis)
        images -= (images @ basis.T) @ basis
        parts.append(matrix.sums(signs, images))
    return known[:, None] + torch.cat(parts, 1)


def _make_orthonormal(basis: Tensor) -> None:
    """Orthonormal rows [k, size] of the same span, in place: zeros for rows that the earlier ones span."""
    noise = ROUNDING * torch.finfo(basis.dtype).eps
    for index, row in enumerate(basis):
        before = row.norm()
        for _ in range(2):
            row -= (basis[:index] @ row) @ basis[:index]
        after = row.norm()
        row *= torch.where(after > noise * before, 1 / after, torch.zeros_like(after))


def _counts(matrix: WeightedHessian, probes: int) -> list[int]:
    """Sizes of the blocks in which so many probes are worked on."""
    size = max(1, min(PROBES_AT_ONCE, PROBE_ELEMENTS // matrix.size))
    return [min(size, probes - start) for start in range(0, probes, size)]


def _signs(matrix: WeightedHessian, count: int, draws: torch.Generator) -> Tensor:
    """Random signs [count, size]."""
    signs = torch.randint(0, 2, (count, matrix.size), generator=draws, dtype=matrix.like.dtype)
    return signs.to(matrix.like).mul_(2).sub_(1)
