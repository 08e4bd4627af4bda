"""Products of the Hessian with vectors, without ever forming it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import chain as chained
from itertools import islice

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.landscape.curvature.pearlmutter import Chain, Linearised, chain_of
from lowland.landscape.problem.model import Batch, gradients
from lowland.landscape.problem.problem import Problem
from lowland.randomness import generator

BLOCK_ELEMENTS = 2**17  # of the widest activation of a block of rows: what the cache holds between two layers
BLOCK_ROWS = 1024  # at most, for narrow networks
KEPT_BYTES = 2**26  # linearisations are kept between products up to this size, the others computed anew
VECTORS_AT_ONCE = 16
PROBE_ROWS = 16
SYMMETRY = 1e-3  # of two products with random vectors; float32 leaves about 1e-5
ROUNDING = 1e3  # units of rounding of the largest part of a product, below which its smallest parts are noise


class HessianProducts:
    """The Hessian of the mean loss in all trainable parameters, as a linear map.

    Chains of linear, convolutional and piecewise-linear layers go through an R-operator (see ``Chain``) in blocks of
    rows; activations and loss gradients of all blocks are kept as long as they are small. Other networks go through
    autograd's double backward pass: with a single batch the graph of the gradient is built once, shared by all products
    and keeps the activations of that batch; with several batches each call goes through them one after the other.

    Args:
        problem: Model, loss and rows.
        chains: Whether the R-operator may be used; without it everything goes through autograd.

    Attributes:
        size: Number of trainable parameters.
        num_rows: Rows in all batches.
        like: An empty tensor of the parameters' type and device.
        shapes: Shapes of the parameters by name, in the order in which vectors are laid out.

    Raises:
        LowlandError: Parameters without gradient, a loss or model without second derivatives, or with some that are
            not symmetric.
    """

    def __init__(self, problem: Problem, *, chains: bool = True) -> None:
        self._model, self._loss, self._batches = problem.model, problem.loss, problem.batches
        self._parameters = problem.parameters
        problem.require_second_derivatives()
        self.shapes = {name: p.shape for name, p in self._parameters.items()}
        self.size = sum(p.numel() for p in self._parameters.values())
        self.like = next(iter(self._parameters.values())).detach().new_empty(0)
        alike = len({inputs.shape[1:] for inputs, _ in self._batches}) == 1
        self._chain = chain_of(self._model, self._parameters, self._batches[0][0]) if chains and alike else None
        if self._chain is None:
            problem.once("symmetric", self._require_symmetry)
        self._prepare()

    def on(self, batches: tuple[Batch, ...]) -> HessianProducts:
        """The same of other rows, some of those of the problem.

        Args:
            batches: Pairs (inputs, targets).
        """
        other = copy.copy(self)
        other._batches = batches
        other._prepare()
        return other

    def __call__(self, vector: Tensor) -> Tensor:
        """The product H v.

        Args:
            vector: [size], laid out as the parameters in their order.
        """
        return self.block(vector[None])[0]

    def block(self, vectors: Tensor) -> Tensor:
        """The products H v of several vectors, at less cost each than one by one.

        Args:
            vectors: [k, size], each laid out as the parameters in their order.

        Returns:
            [k, size].
        """
        if self._chain is not None:
            parts = [self._chained(self._chain, part) for part in vectors.split(VECTORS_AT_ONCE)]
            return torch.cat(parts)
        total = torch.zeros_like(vectors)
        for inputs, targets in self._batches:
            slope = self._shared if self._shared is not None else self._slope(inputs, targets)
            for index, vector in enumerate(vectors):
                last = index == len(vectors) - 1 and self._shared is None
                total[index] += self._product(slope, vector, keep=not last) * (len(inputs) / self.num_rows)
        return total

    def _require_symmetry(self) -> None:
        """Refuses models whose second derivatives by autograd cannot be those of any function.

        Each parameter tensor is moved alone, along random numbers of its own size: a small layer must not hide behind a
        large one, nor among many parameters.
        """
        inputs, targets = (part[:PROBE_ROWS] for part in self._batches[0])
        slope = self._slope(inputs, targets)
        draws = generator("symmetry of the Hessian")
        sizes = torch.cat([_size(p).expand(p.numel()) for p in self._parameters.values()])
        every, single = (torch.randn(self.size, generator=draws).to(self.like) for _ in range(2))
        image = sizes * self._product(slope, sizes * every, keep=True)
        gaps, scales = [], []
        start = 0
        for shape in self.shapes.values():
            part = slice(start, start := start + shape.numel())
            alone = torch.zeros_like(single)
            alone[part] = single[part]
            back = sizes * self._product(slope, sizes * alone, keep=start < self.size)
            there, here = (float(u.double() @ v.double()) for u, v in ((single[part], image[part]), (every, back)))
            gaps.append(abs(there - here))
            scales.append(float(image[part].norm() + back.norm()))  # about the sizes of the two
        noise = ROUNDING * torch.finfo(self.like.dtype).eps * max(*scales, float((sizes * slope.detach()).norm()))
        wrong = (
            (name, gap, scale)
            for name, gap, scale in zip(self.shapes, gaps, scales, strict=True)
            if gap > max(SYMMETRY * scale, noise)  # not so where something is not finite: that becomes a status
        )
        name, gap, scale = next(wrong, ("", 0.0, 1.0))
        if name and not self._only_rounding():
            raise LowlandError(
                f"model: torch's second derivative of {type(self._model).__name__} is not symmetric in {name!r} "
                f"(u·Hv and v·Hu differ by {gap / scale:.1g} of their size): the double backward pass of a layer "
                "is wrong; expected a twice differentiable model: of a known case, weight_norm, call "
                "torch.nn.utils.parametrize.remove_parametrizations first"
            )

    def _only_rounding(self) -> bool:
        """Whether the products of a copy in float64 are symmetric: a loss near 0 leaves few digits to its curvature."""
        if self.like.dtype == torch.float64:
            return False
        wide = copy.copy(self)
        try:
            wide._model = copy.deepcopy(self._model).double()
            wide._parameters = {name: dict(wide._model.named_parameters())[name] for name in self._parameters}
            inputs, targets = (part.double() if part.is_floating_point() else part for part in self._batches[0])
            wide._batches = ((inputs, targets),)
            wide.like = self.like.double()
            wide._require_symmetry()
        except (LowlandError, RuntimeError):  # asymmetric there, too, or a loss that knows float32 alone
            return False
        return True

    def _prepare(self) -> None:
        """What all products with these rows share."""
        self.num_rows = sum(len(inputs) for inputs, _ in self._batches)
        self._kept: list[tuple[Linearised, float]] = []
        self._shared: Tensor | None = None
        if self._chain is not None:
            self._keep(self._chain)
        elif len(self._batches) == 1:
            self._shared = self._slope(*self._batches[0])

    def _keep(self, chain: Chain) -> None:
        """Linearises as many blocks of rows as may be kept."""
        held = 0
        for block in self._linearised(chain):
            held += block[0].num_bytes
            if held > KEPT_BYTES:
                return
            self._kept.append(block)

    def _linearised(self, chain: Chain, start: int = 0) -> Iterator[tuple[Linearised, float]]:
        """Blocks of rows with their shares of all rows, without the first so many."""
        size = max(1, min(BLOCK_ROWS, BLOCK_ELEMENTS // chain.width))
        pieces = (zip(inputs.split(size), targets.split(size), strict=True) for inputs, targets in self._batches)
        for rows, aims in islice(chained.from_iterable(pieces), start, None):
            yield chain.linearised(self._loss, rows, aims), len(rows) / self.num_rows

    def _chained(self, chain: Chain, vectors: Tensor) -> Tensor:
        total = torch.zeros_like(vectors)
        for block, share in chained.from_iterable((self._kept, self._linearised(chain, len(self._kept)))):
            part = torch.zeros_like(vectors)
            chain.add_products(block, vectors, part)
            total.add_(part, alpha=share)
        return total

    def _slope(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Gradient [size] of one batch's mean loss, differentiable once more."""
        value = self._loss(self._model(inputs), targets)
        found = gradients(value, self._parameters, create_graph=True)
        return torch.cat([g.flatten() for g in found])

    def _product(self, slope: Tensor, vector: Tensor, *, keep: bool) -> Tensor:
        if not slope.requires_grad:  # the loss is linear in every parameter
            return torch.zeros_like(vector)
        found = torch.autograd.grad(
            slope,
            list(self._parameters.values()),
            vector,
            retain_graph=keep,
            allow_unused=True,
            materialize_grads=True,
        )
        return torch.cat([part.flatten() for part in found])


def _size(parameter: Tensor) -> Tensor:
    """Root mean square of a parameter's elements, 1 for zeros."""
    size = parameter.detach().square().mean().sqrt()
    return torch.where(size > 0, size, torch.ones_like(size))


def hessian_products(problem: Problem) -> HessianProducts:
    """Those of a problem, made once.

    Args:
        problem: Model, loss and rows.
    """
    return problem.once("hessian products", lambda: HessianProducts(problem))
