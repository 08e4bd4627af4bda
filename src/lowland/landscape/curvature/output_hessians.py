"""Each row's Hessian of the loss in its outputs, as weights and directions."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from lowland.landscape.problem.model import Loss
from lowland.randomness import generator

ROUNDING = 32  # units of rounding of a row's largest second derivative that are taken for zero


class OutputHessians:
    r"""The decompositions :math:`H_L = \sum_k \lambda_k u_k u_k^T` of the rows' Hessians in their C outputs.

    Diagonal Hessians are found out by two products and never formed.

    Args:
        loss: Mean over independent rows.
        outputs: [rows, ...] with C values a row.
        targets: [rows, ...].

    Attributes:
        weights: [rows, K] eigenvalues, not divided by the number of rows, without those that vanish in every row.
        finite: Whether all second derivatives are.
    """

    def __init__(self, loss: Loss, outputs: Tensor, targets: Tensor) -> None:
        self._shape = outputs.shape[1:]
        product = _Products(loss, outputs, targets)
        diagonal, is_diagonal = _diagonal(product)
        if is_diagonal or not product.curved:
            self._vectors: Tensor | None = None
            self._places = (diagonal != 0).any(0).nonzero().squeeze(1)
            self.weights = diagonal[:, self._places]
            self.finite = True
            return
        hessians = product.columns()
        self.finite = bool(hessians.isfinite().all())
        self.weights = hessians.new_zeros(len(hessians), 0)
        if not self.finite:
            return
        used = (hessians != 0).any(1).any(0).nonzero().squeeze(1)
        if len(used) < hessians.shape[1]:
            hessians = hessians[:, used][:, :, used]
        values, self._vectors = torch.linalg.eigh(hessians)
        order = values.abs().argsort(1, descending=True)
        values = values.gather(1, order)
        kept = values.abs().amax(0) > torch.finfo(values.dtype).eps * values.abs().max()
        self.weights, self._order, self._places = values[:, kept], order[:, kept], used

    def directions(self, together: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Weights [rows, k] and directions [rows, k, *output shape], so many at a time."""
        for start in range(0, self.weights.shape[1], together):
            weights = self.weights[:, start : start + together]
            rows, count = weights.shape
            found = weights.new_zeros(rows, count, self._shape.numel())
            if self._vectors is None:
                found[:, torch.arange(count), self._places[start : start + together]] = 1.0
            else:
                places = self._order[:, None, start : start + together].expand(-1, self._vectors.shape[1], -1)
                found[:, :, self._places] = self._vectors.gather(2, places).mT
            yield weights, found.unflatten(2, self._shape)


def separable(loss: Loss, outputs: Tensor, targets: Tensor) -> bool:
    """Whether the rows' Hessians in the outputs are diagonal: the loss is a sum over them, so far as these rows tell.

    Args:
        loss: Mean over independent rows.
        outputs: [rows, ...].
        targets: [rows, ...].
    """
    return _diagonal(_Products(loss, outputs, targets))[1]


class _Products:
    """Products of every row's Hessian with a vector of its own, from one graph of the loss's gradient."""

    def __init__(self, loss: Loss, outputs: Tensor, targets: Tensor) -> None:
        self.leaf = outputs.detach().requires_grad_()
        (slope,) = torch.autograd.grad(loss(self.leaf, targets), self.leaf, create_graph=True)
        self.curved = slope.requires_grad  # else the loss is linear in the outputs
        self._slope = slope.flatten(1)

    def __call__(self, vectors: Tensor) -> Tensor:
        """Products [rows, C] with vectors [rows, C] or [1, C], not divided by the number of rows."""
        if not self.curved:
            return torch.zeros_like(self._slope)
        (found,) = torch.autograd.grad(
            (self._slope * vectors).sum(), self.leaf, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        return found.flatten(1) * len(found)

    def columns(self) -> Tensor:
        """The Hessians [rows, C, C]."""
        rows, size = self._slope.shape
        found = self.leaf.new_empty(rows, size, size, requires_grad=False)
        unit = self.leaf.new_zeros(1, size, requires_grad=False)
        for place in range(size):
            unit[0, place] = 1.0
            found[:, place] = self(unit)
            unit[0, place] = 0.0
        return found


def _diagonal(product: _Products) -> tuple[Tensor, bool]:
    """Sums [rows, C] over the Hessians' rows, and whether these are all that is in them."""
    sums = product(torch.ones_like(product.leaf).flatten(1))
    probe = torch.rand(sums.shape, generator=generator("diagonal Hessians"), dtype=sums.dtype).to(sums).add_(0.5)
    image, expected = product(probe), sums * probe
    size = torch.maximum(image.abs(), expected.abs()).amax(1, keepdim=True)
    allowed = ROUNDING * torch.finfo(sums.dtype).eps * size
    return sums, bool(((image - expected).abs() <= allowed).all())
