"""Losses of a model at many points of a line, plane or curve in parameter space."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from lowland.functional_call import call_with
from lowland.landscape.problem.problem import Problem
from lowland.landscape.problem.row_losses import row_losses
from lowland.landscape.surface.layer_chain import LayerChain

BLOCK_ROWS = 2**15  # rows of one loss evaluation, if a batch has so many
ROW_LOSSES = 2**16  # losses of single rows computed at once


class PointLosses:
    r"""Losses at the points :math:`\theta(c) = \theta_0 + \sum_k c_k d_k`.

    Networks that are chains of linear layers and elementwise functions are computed for many points at once
    (``LayerChain``); all others point by point. The model's own tensors are never touched.

    Args:
        problem: Model, loss and rows.
        origin: :math:`\theta_0`: parameters and buffers by name; those that are missing stay as they are in the module.
        directions: :math:`d_k`: tensors by name, each of them in ``origin``.
    """

    def __init__(self, problem: Problem, origin: Mapping[str, Tensor], directions: list[dict[str, Tensor]]) -> None:
        self._module, self._loss, self._batches = problem.whole, problem.whole_loss, problem.batches
        self.num_rows = problem.num_rows
        self._origin = {name: values.detach() for name, values in origin.items()}
        self._directions = directions
        with torch.no_grad():
            first = self._batches[0][0][:BLOCK_ROWS]
            self._chain = LayerChain.of(self._module, first, self._origin, directions)

    def means(self, coordinates: Tensor) -> Tensor:
        """Mean losses over all rows.

        Args:
            coordinates: [points, directions].

        Returns:
            [points] float64.
        """
        totals = torch.zeros(len(coordinates), dtype=torch.float64)
        with torch.no_grad():
            for inputs, targets in self._blocks():
                for place, outputs in self._outputs(coordinates, inputs):
                    with _ChannelFirstLosses():
                        values = torch.stack([self._loss(z, targets) for z in outputs])
                    totals[place] += values.double().cpu() * (len(inputs) / self.num_rows)
        return totals

    def of_rows(self, coordinates: Tensor, rows: Tensor | None = None) -> Tensor:
        """Losses of single rows.

        Args:
            coordinates: [points, directions].
            rows: Indices among all rows in the order of the batches; all without it.

        Returns:
            [points, rows] in the outputs' type, on the CPU.
        """
        parts = []
        with torch.no_grad():
            for inputs, targets in self._blocks(rows):
                losses = [self._row_losses(outputs, targets) for _, outputs in self._outputs(coordinates, inputs)]
                parts.append(torch.cat(losses).cpu())
        return torch.cat(parts, 1)

    def _row_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Losses [points, rows] of outputs [points, rows, ...]."""
        step = max(1, ROW_LOSSES // len(targets))
        return torch.cat(
            [
                row_losses(self._loss, part.flatten(0, 1), targets.repeat(len(part), *[1] * (targets.ndim - 1))).view(
                    len(part), -1
                )
                for part in outputs.split(step)
            ]
        )

    def _blocks(self, rows: Tensor | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs and targets of the rows, so many at a time as are computed together."""
        start = 0
        for inputs, targets in self._batches:
            if rows is not None:
                own = rows[(rows >= start) & (rows < start + len(inputs))] - start
                start += len(inputs)
                inputs, targets = inputs[own], targets[own]
            if len(inputs):
                yield from zip(inputs.split(BLOCK_ROWS), targets.split(BLOCK_ROWS), strict=True)

    def _outputs(self, coordinates: Tensor, inputs: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Outputs [points, rows, ...] for so many points at a time as are computed together."""
        if self._chain is not None:
            yield from self._chain.outputs(coordinates, inputs)
            return
        for index, point in enumerate(coordinates):
            yield slice(index, index + 1), call_with(self._module, self._at(point), inputs)[None]

    def _at(self, point: Tensor) -> dict[str, Tensor]:
        """Parameters and buffers at one point."""
        values = dict(self._origin)
        for step, direction in zip(point.tolist(), self._directions, strict=True):
            for name, change in direction.items():
                values[name] = values[name] + step * change
        return values


class _ChannelFirstLosses(TorchFunctionMode):
    """The same cross-entropy by torch's kernel for images, which vectorises over rows: 4 times as fast for few classes.

    [rows, classes] become one image [1, classes, rows].
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        classes = func is functional.cross_entropy and len(args) == 2 and args[0].ndim == 2 and args[1].ndim == 1
        if classes and kwargs.get("reduction", "mean") == "mean":
            return func(args[0].transpose(0, 1)[None], args[1][None], **kwargs)
        return func(*args, **kwargs)
