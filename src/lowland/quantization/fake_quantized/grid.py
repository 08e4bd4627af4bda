"""Rounding to a grid in floats, differentiable straight through."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor


class Grid(NamedTuple):
    """Where a quantizer puts values: multiples of ``scale`` from ``lowest`` to ``highest``.

    Attributes:
        scale: Step size.
        lowest: Lowest code.
        highest: Highest code.
        rectifies: Whether a rectifier comes with it, whose derivative is 0 at zero and below.
    """

    scale: Tensor
    lowest: int
    highest: int
    rectifies: bool = False


def on_grid(values: Tensor, grid: Grid) -> Tensor:
    """Values rounded to a grid, differentiable straight through.

    Args:
        values: Floats of any shape.
        grid: Its scale a scalar, or of a shape that divides the values.
    """
    if torch._C._are_functorch_transforms_active():
        result, _, _ = _TransformableFakeQuantize.apply(values, *grid)
        return result
    return _FakeQuantize.apply(values, *grid)


def codes_on(values: Tensor, grid: Grid) -> Tensor:
    """The codes (int64) of values on a grid; ``on_grid`` gives these times the scale."""
    return (values.detach() / grid.scale.detach()).round().clamp(grid.lowest, grid.highest).to(torch.int64)


class _FakeQuantize(torch.autograd.Function):
    """Round and clamp as Brevitas does, in one node of the graph instead of twenty.

    y = s·clamp(round(x/s)); dy/dx = 1 inside the range and 0 outside; dy/ds = y/s - x/s inside and y/s outside.
    Brevitas' own graph has these values and, each rounding being straight through, these derivatives of every order.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, scale: Tensor, lowest: int, highest: int, rectifies: bool) -> Tensor:
        result, position, slope = _rounded(values, scale, lowest, highest, rectifies)
        ctx.range, ctx.scale_shape = (lowest, highest, rectifies), scale.shape
        ctx.save_for_backward(position, slope)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        gradient, *_ = gradients
        if gradient is None:  # in second derivatives, where the result itself plays no part
            return None, None, None, None, None
        position, slope = ctx.saved_tensors
        to_values = _inside(gradient, position, *ctx.range) if ctx.needs_input_grad[0] else None
        to_scale = (gradient * slope).sum_to_size(ctx.scale_shape) if ctx.needs_input_grad[1] else None
        return to_values, to_scale, None, None, None


class _TransformableFakeQuantize(_FakeQuantize):
    """The same under the transforms of ``torch.func``, in the form that they ask for; it costs 50 µs more a call."""

    generate_vmap_rule = True

    @staticmethod
    def forward(  # type: ignore[override]  # without ctx: torch.func asks for setup_context instead
        values: Tensor, scale: Tensor, lowest: int, highest: int, rectifies: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        return _rounded(values, scale, lowest, highest, rectifies)

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Tensor, Tensor, int, int, bool], output: tuple[Tensor, Tensor, Tensor]
    ) -> None:
        _, scale, *ctx.range = inputs
        _, position, slope = output
        ctx.scale_shape = scale.shape
        ctx.mark_non_differentiable(position, slope)
        ctx.set_materialize_grads(False)  # no zeros for those two
        ctx.save_for_backward(position, slope)


def _rounded(
    values: Tensor, scale: Tensor, lowest: int, highest: int, rectifies: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Values on the grid, a mask of whether they were inside its range, and their slope in the scale."""
    scaled = values / scale
    rounded = scaled.round()
    codes = rounded.clamp(lowest, highest)
    position = scaled if rectifies else rounded
    slope = codes - _inside(scaled, position, lowest, highest, rectifies)
    return codes.mul_(scale), position, slope


def _inside(values: Tensor, position: Tensor, lowest: int, highest: int, rectifies: bool) -> Tensor:
    """Values whose position is in the range of codes, else 0.

    ``hardtanh_backward`` vectorises where boolean masks do not (4 times as fast).
    """
    return torch.ops.aten.hardtanh_backward(values, position, 0.0 if rectifies else lowest - 0.5, highest + 0.5)
