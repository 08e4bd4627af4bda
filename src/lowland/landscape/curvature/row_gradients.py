"""Gradients row by row of any network: by the layers' formulas where they hold, one row after the other elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import Self, TypeVar

import torch
from torch import Tensor, nn

from lowland.landscape.curvature.layers import PER_SAMPLE_ELEMENTS, LayerCall
from lowland.landscape.curvature.row_tape import MisfitError, RowTape, equal_up_to_rounding
from lowland.landscape.problem.batches import spread_rows
from lowland.landscape.problem.model import Batch, gradients
from lowland.randomness import generator

CHUNK_ELEMENTS = 2**19  # of the recorded layers' outputs: what a pass over one chunk of rows works on
BLOCK_PASSES = 2**22  # of the recorded layers' outputs over several backward passes
SMALLEST_CHUNK = 64
SMALL_BATCH = 2**19  # elements of a batch that is halved only: each chunk costs some fifty calls
SQUARES_AT_ONCE = 2**18  # elements of a chunk's output Hessians that are no matter ...
SQUARES_SHARE = 8  # ... and what share of a batch's recorded outputs they may have beyond that
PROBE_ROWS = 8
STRAY_ROWS = 8


Found = TypeVar("Found")


@dataclass(frozen=True)
class RowPlan:
    """How the gradients of a network's parameters are found row by row.

    Attributes:
        parameters: All that are wanted, by name.
        layers: Names of layers whose formulas give the right gradients.
        strays: The parameters without such a layer.
        elements: Elements of the recorded outputs and the inputs, a row.
        work: The same with all that convolutions look at, place by place.
        outputs: Elements of the network's outputs, a row.
        batch: Rows of the largest batch: all that is held at once stays below one backward pass of it.
    """

    parameters: dict[str, nn.Parameter]
    layers: frozenset[str]
    strays: dict[str, nn.Parameter]
    elements: int
    work: int
    outputs: int
    batch: int

    @classmethod
    def of(cls, module: nn.Module, parameters: dict[str, nn.Parameter], pairs: tuple[Batch, ...]) -> Self:
        """Tries the formulas on a few rows: where one row's gradient is not what autograd finds, they do not hold.

        So a weight that acts in two places, behind a parametrization or outside its layer's forward is never given a
        part of its gradient, and a layer that sees other rows than the network's, or in another order, never another
        row's.

        Args:
            module: In evaluation mode; its rows are independent.
            parameters: Those wanted, by name.
            pairs: The batches.

        Raises:
            LowlandError: If a parameter does not take part in the outputs.
        """
        rows, _ = spread_rows(pairs, PROBE_ROWS)
        batch = max(len(inputs) for inputs, _ in pairs)
        tape = RowTape(module, rows)
        elements = sum(call.shape.numel() for call in tape.calls) + rows.numel() + tape.outputs.numel()
        work = elements + sum(call.looked_at for call in tape.calls)
        sizes = (elements // len(rows), work // len(rows), tape.outputs[0].numel(), batch)
        if not parameters:
            return cls({}, frozenset(), {}, *sizes)
        signs = torch.randn(tape.outputs.shape, generator=generator("per-sample probe")).to(tape.outputs)
        values = (signs * tape.outputs).flatten(1).sum(1)
        by_row = [gradients(value, parameters, retain_graph=True) for value in values]
        truth = {name: torch.stack(parts) for name, parts in zip(parameters, zip(*by_row, strict=True), strict=True)}
        unshared = {name for name, _ in module.named_parameters()}  # a second name of one tensor is not among them
        right, strays = set(), dict(parameters)
        for call, cotangents in zip(tape.calls, tape.pulled_back(signs[:, None]), strict=True):
            own = {name: truth[name] for name in call.parameters if name in parameters}
            if own and call.parameters.keys() <= unshared and _holds(call, cotangents, own):
                right.add(call.name)
                strays = {name: p for name, p in strays.items() if name not in own}
        return cls(parameters, frozenset(right), strays, *sizes)

    def chunks(self, pairs: tuple[Batch, ...], *, square_outputs: bool = False) -> Iterator[Batch]:
        """The batches in pieces that stay in the cache.

        Args:
            pairs: The batches.
            square_outputs: Whether a matrix in the outputs will be held for every row.
        """
        pieces = 2 if self.batch * self.work <= SMALL_BATCH else 8
        size = max(SMALLEST_CHUNK, min(CHUNK_ELEMENTS // self.elements, self.batch // pieces))
        if square_outputs:
            allowed = max(SQUARES_AT_ONCE, self.batch * self.elements // SQUARES_SHARE)
            size = max(1, min(size, allowed // self.outputs**2))
        for inputs, targets in pairs:
            yield from zip(inputs.split(size), targets.split(size), strict=True)

    def without(self, layers: Collection[str]) -> RowPlan:
        """The same, with some layers' formulas not used."""
        freed = {name: p for name, p in self.parameters.items() if name.rpartition(".")[0] in layers}
        return replace(self, layers=self.layers - set(layers), strays=self.strays | freed)

    def by_chunks(
        self,
        pairs: tuple[Batch, ...],
        compute: Callable[[RowPlan, Batch], Found],
        *,
        square_outputs: bool = False,
    ) -> Iterator[Found]:
        """What is computed of each piece, with the formulas that hold there.

        Args:
            pairs: The batches.
            compute: Of a plan and a piece; where its ``RowTape`` raises ``MisfitError``, it is called again without
                these layers' formulas.
            square_outputs: As for ``chunks``.
        """
        for batch in self.chunks(pairs, square_outputs=square_outputs):
            plan = self
            while True:
                try:
                    found = compute(plan, batch)
                except MisfitError as misfit:
                    plan = plan.without(misfit.layers)
                    continue
                break
            yield found

    def passes(self, rows: int) -> int:
        """How many backward passes of so many rows are worked on at once."""
        return max(1, min(BLOCK_PASSES // (self.elements * rows), self.batch // rows))


def stray_gradients(
    module: nn.Module, parameters: dict[str, nn.Parameter], rows: Tensor, directions: Tensor
) -> Iterator[tuple[slice, dict[str, Tensor]]]:
    """Per-sample gradients of parameters without a formula, a few rows at a time: exact for any module, but slow.

    Args:
        module: In evaluation mode.
        parameters: Those wanted, by name.
        rows: [rows, ...].
        directions: [rows, directions, *output shape] cotangents at the outputs.

    Yields:
        Which rows, and their gradients [rows, directions, *parameter shape] by name.
    """
    if not parameters:
        return
    size = directions.shape[1] * sum(p.numel() for p in parameters.values())
    length = max(1, min(STRAY_ROWS, PER_SAMPLE_ELEMENTS // size))
    for start in range(0, len(rows), length):
        part = slice(start, start + length)
        try:
            found = _at_once(module, parameters, rows[part], directions[part])
        except RuntimeError:  # an operation that cannot run backwards for several cotangents at once
            single = [
                _at_once(module, parameters, rows[part][i : i + 1], directions[part][i : i + 1], batched=False)
                for i in range(len(rows[part]))
            ]
            found = [torch.cat(parts) for parts in zip(*single, strict=True)]
        yield part, dict(zip(parameters, found, strict=True))


def coloured(slopes: Tensor, factor: Tensor) -> Tensor:
    """Slopes along the axes of a noise [rows, directions, axes]: slopes in the inputs times L.

    Args:
        slopes: [rows, directions, ...].
        factor: L [features, axes], or its diagonal [features].
    """
    flat = slopes.flatten(2)
    return flat * factor.to(flat) if factor.ndim == 1 else flat @ factor.to(flat)


def _at_once(
    module: nn.Module, parameters: dict[str, nn.Parameter], rows: Tensor, directions: Tensor, *, batched: bool = True
) -> list[Tensor]:
    """Gradients [rows, directions, ...] of a few rows: a cotangent for each that is zero on the others."""
    outputs = module(rows)
    count = len(rows)
    cotangents = directions.new_zeros(count, directions.shape[1], *outputs.shape)
    diagonal = torch.arange(count, device=rows.device)
    cotangents[diagonal, :, diagonal] = directions
    wanted = list(parameters.values())
    flat = cotangents.flatten(0, 1)
    if batched:
        found = torch.autograd.grad(outputs, wanted, flat, is_grads_batched=True, allow_unused=True)
    else:
        passes = [torch.autograd.grad(outputs, wanted, c, retain_graph=True, materialize_grads=True) for c in flat]
        found = tuple(torch.stack(parts) for parts in zip(*passes, strict=True))
    return [
        p.new_zeros(*directions.shape[:2], *p.shape) if part is None else part.unflatten(0, directions.shape[:2])
        for p, part in zip(wanted, found, strict=True)
    ]


def _holds(call: LayerCall, cotangents: Tensor, truth: dict[str, Tensor]) -> bool:
    """Whether a layer's formula gives the gradients [rows, *parameter shape] that autograd finds row by row.

    A layer whose gradients all vanish on these rows is not trusted: nothing was seen of it.
    """
    rows = len(next(iter(truth.values())))
    if call.shape[0] != rows or len(call.input) != rows:
        return False
    try:
        for part, block in call.gradients(cotangents):
            if not all(equal_up_to_rounding(block[name].squeeze(1), right[part]) for name, right in truth.items()):
                return False
    except RuntimeError:  # such as other types than the weights' within the network
        return False
    return any(bool(right.any()) for right in truth.values())
