"""One pass of a network over some rows, its layers recorded, and whether their formulas are about these rows."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn

from lowland.landscape.curvature.layers import LayerCall, recorded_calls
from lowland.randomness import generator


class MisfitError(Exception):
    """Formulas that do not hold on some rows, though they did where they were tried.

    Args:
        layers: Names of the layers.
    """

    def __init__(self, layers: Collection[str]) -> None:
        super().__init__(", ".join(layers))
        self.layers = frozenset(layers)


class RowTape:
    """One forward pass of a module over rows, its layers recorded.

    Where layers are named, their formulas are held against autograd on these rows, too: a network may cut large
    batches, sort its rows, or let a layer see some of them only.

    Args:
        module: In evaluation mode.
        rows: [rows, ...].
        layers: Names of the layers to look at; all that have a formula without it, none for an empty set.
        inputs: Whether the gradients in the inputs are wanted too.

    Attributes:
        outputs: [rows, ...].
        calls: The recorded calls.
        leaf: The inputs, if their gradients are wanted.

    Raises:
        MisfitError: A named layer is not called once with all rows; from ``pulled_back``, gradients of other rows.
    """

    def __init__(
        self, module: nn.Module, rows: Tensor, *, layers: frozenset[str] | None = None, inputs: bool = False
    ) -> None:
        self.leaf = rows.detach().requires_grad_(inputs)
        self._inputs = inputs
        with recorded_calls(module) as calls:
            self.outputs: Tensor = module(self.leaf)
        names = [call.name for call in calls]
        self.calls: list[LayerCall] = [
            call for call in calls if names.count(call.name) == 1 and (layers is None or call.name in layers)
        ]
        self._doubted = bool(layers)
        if layers:
            fitting = {call.name for call in self.calls if call.shape[0] == len(call.input) == len(rows)}
            if odd := layers - fitting:
                raise MisfitError(odd)

    def pulled_back(self, directions: Tensor) -> list[Tensor]:
        """Cotangents at the recorded outputs (in the order of the calls), and at the inputs last if wanted.

        Args:
            directions: [rows, directions, *output shape].

        Returns:
            [rows, directions, ...] each.
        """
        sources: list[Any] = [call.output for call in self.calls] + [self.leaf] * self._inputs
        shapes = [call.shape for call in self.calls] + [self.leaf.shape] * self._inputs
        found = [directions.new_empty(shape[0], directions.shape[1], *shape[1:]) for shape in shapes]
        for k in range(directions.shape[1] if sources else 0):
            parts = torch.autograd.grad(self.outputs, sources, directions[:, k], retain_graph=True, allow_unused=True)
            for whole, part in zip(found, parts, strict=True):
                whole[:, k] = 0 if part is None else part
        if self._doubted and directions.shape[1]:
            self._doubted = False
            self._require_own_rows(directions[:, 0], found)
        return found

    def _require_own_rows(self, direction: Tensor, found: list[Tensor]) -> None:
        """Compares random combinations of the rows' gradients, by the formulas and by autograd."""
        draws = generator("rows of a tape")
        weights = torch.randn(len(direction), generator=draws).to(direction)
        wanted = {name: p for call in self.calls for name, p in call.parameters.items()}
        combined = direction * weights.view(-1, *[1] * (direction.ndim - 1))
        slopes = torch.autograd.grad(
            self.outputs, list(wanted.values()), combined, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        truth = dict(zip(wanted, slopes, strict=True))
        odd = set()
        for call, cotangents in zip(self.calls, found, strict=False):
            sums = call.combined(weights, cotangents[:, :1])
            if not all(equal_up_to_rounding(total, truth[name]) for name, total in sums.items()):
                odd.add(call.name)
        if odd:
            raise MisfitError(odd)


def equal_up_to_rounding(found: Tensor, truth: Tensor) -> bool:
    """Equal up to rounding; what is not finite is a status elsewhere."""
    if not truth.isfinite().all():
        return True
    tolerance = torch.finfo(truth.dtype).eps ** 0.5 * float(truth.abs().max())
    return bool((found - truth).abs().max() <= tolerance)
