"""One capture of a model's curvature, shared by every measure that needs the diagonal of the Hessian or the inputs'."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import vmap

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.landscape.linearity import obstacle_to_exactness
from lowland.landscape.output_hessians import OutputHessians, separable
from lowland.landscape.row_gradients import RowPlan, RowTape, coloured, stray_gradients
from lowland.landscape.row_means import require_row_mean, spread_rows
from lowland.landscape.subject import (
    Batch,
    Batches,
    Dequantizable,
    Loss,
    checked_batches,
    differentiable,
    gradients,
    trainable,
)

SEPARABLE_ROWS = 8


@dataclass(frozen=True)
class Curvature:
    """Loss, gradient and second derivatives of a model on some rows.

    Attributes:
        loss: Mean loss, standard error over rows.
        gradient: Gradient of the mean loss by parameter name.
        diagonal: Diagonal of the Hessian of the mean loss by parameter name, float64; empty if not asked for.
        input_diagonal: [rows, ...] diagonal of each row's input curvature JᵀH_L J (Gauss-Newton part), or
            [rows, directions] that of LᵀJᵀH_L J L for directions L; zero if not asked for.
        outputs: [rows, ...] the model's outputs.
        parameters: Values of the parameters by name.
    """

    loss: Estimate
    gradient: dict[str, Tensor]
    diagonal: dict[str, Tensor]
    input_diagonal: Tensor
    outputs: Tensor
    parameters: dict[str, Tensor]

    @property
    def num_rows(self) -> int:
        """How many rows entered."""
        return len(self.outputs)

    @property
    def trace(self) -> Estimate:
        """Trace of the Hessian of the mean loss; exact on these rows, so its standard error is 0."""
        return Estimate(float(sum(float(d.sum()) for d in self.diagonal.values())), 0.0, self.num_rows)

    @property
    def gradient_norm(self) -> Estimate:
        """Euclidean norm of the mean gradient."""
        square = sum(float(g.double().square().sum()) for g in self.gradient.values())
        return Estimate(square**0.5, 0.0, self.num_rows)


def capture_curvature(
    model: nn.Module | Dequantizable,
    loss: Loss,
    batches: Batches,
    *,
    parameters: bool = True,
    inputs: bool = True,
    input_factor: Tensor | None = None,
) -> Curvature:
    r"""Captures loss, gradient and the diagonals of the Hessian in parameters and inputs, in one sweep over the rows.

    Each row's loss Hessian in the C outputs is decomposed, :math:`H_L = \sum_k \lambda_k u_k u_k^T` (indefinite
    allowed); one backward pass per k with the cotangents :math:`u_k` then gives :math:`H_{ii} = \frac{1}{N} \sum_{r,k}
    \lambda_{kr} (\partial (u_{kr} \cdot z_r) / \partial \theta_i)^2`, which is exact for networks that are piecewise
    linear in each parameter tensor. Where the loss is no sum over the outputs, the C × C Hessians of as many rows are
    held at once as the batch's own pass allows, those of one row at least (about five times over).

    Args:
        model: Module in evaluation mode, or a deployed network with ``dequantized()``.
        loss: ``loss(outputs, targets)``, mean over independent rows.
        batches: Pairs (inputs, targets), rows first.
        parameters: Whether the diagonal in the parameters is wanted.
        inputs: Whether the diagonal in the inputs is wanted; they must be floating point.
        input_factor: L, [features, directions] or [features] for a diagonal one: the diagonal of :math:`L^T J^T H_L J
            L` instead of that of :math:`J^T H_L J`.

    Returns:
        The capture; its numbers are NaN where the loss or its derivatives are not finite.

    Raises:
        LowlandError: If ``parameters`` and the network is not piecewise linear, or for unusable batches or models.

    Source:
        Martens, "New insights and perspectives on the natural gradient method", JMLR 21 (2020), section 8; per-sample
        gradients of linear layers: Goodfellow, arXiv:1510.01799.
    """
    module = differentiable(model)
    pairs = checked_batches(batches, module)
    wanted = trainable(module)
    require_row_mean(module, loss, pairs)
    if parameters and (obstacle := obstacle_to_exactness(module, pairs)):
        raise LowlandError(
            f"model: {obstacle}, so the exact diagonal of the Hessian is not available: use hessian_trace(..., "
            "method='hutchinson'), or move a smooth output activation into the loss"
        )
    plan = RowPlan.of(module, wanted if parameters else {}, pairs)
    total = sum(len(rows) for rows, _ in pairs)
    mean_loss, by_row = 0.0, []
    gradient = {name: torch.zeros_like(p, dtype=torch.float64, requires_grad=False) for name, p in wanted.items()}
    diagonal = {name: torch.zeros_like(gradient[name]) for name in plan.parameters}
    wide = (parameters or inputs) and not _is_separable(module, loss, pairs)
    for rows, targets in plan.chunks(pairs, square_outputs=wide):
        part = _captured(module, plan, wanted, loss, rows, targets, inputs, input_factor)
        share = len(rows) / total
        mean_loss += share * part.loss
        by_row.append((part.row_losses, part.input_diagonal, part.outputs))
        for sums, means in ((gradient, part.gradient), (diagonal, part.diagonal)):
            for name, mean in means.items():
                sums[name].add_(mean, alpha=share)
    row_losses, input_diagonal, outputs = (torch.cat(pieces) for pieces in zip(*by_row, strict=True))
    over_rows = Estimate.from_samples(row_losses)
    return Curvature(
        loss=Estimate(mean_loss, over_rows.standard_error, total, over_rows.status),
        gradient=gradient,
        diagonal=diagonal,
        input_diagonal=input_diagonal,
        outputs=outputs,
        parameters={name: p.detach() for name, p in wanted.items()},
    )


@dataclass(frozen=True)
class _Part:
    """What one chunk contributes, as means over its rows."""

    loss: float
    row_losses: Tensor
    gradient: dict[str, Tensor]
    diagonal: dict[str, Tensor]
    input_diagonal: Tensor
    outputs: Tensor


def _captured(
    module: nn.Module,
    plan: RowPlan,
    wanted: dict[str, nn.Parameter],
    loss: Loss,
    rows: Tensor,
    targets: Tensor,
    inputs: bool,
    factor: Tensor | None,
) -> _Part:
    """One chunk: a forward pass, a backward pass for the gradient and one for each direction of the outputs."""
    tape = RowTape(module, rows, layers=plan.layers, inputs=inputs)
    value = loss(tape.outputs, targets)
    slopes = gradients(value, wanted, retain_graph=True)
    final = tape.outputs.detach()
    row_losses = vmap(lambda z, y: loss(z[None], y[None]))(final, targets)
    shape = rows.shape if factor is None else (len(rows), factor.shape[-1])
    input_diagonal = torch.zeros(shape, dtype=final.dtype, device=final.device)
    sums = {name: torch.zeros_like(p, requires_grad=False) for name, p in plan.parameters.items()}
    hessians = OutputHessians(loss, final, targets) if plan.parameters or inputs else None
    if not (value.isfinite() and final.isfinite().all() and (hessians is None or hessians.finite)):
        unknown = {name: torch.full_like(p, torch.nan, requires_grad=False) for name, p in wanted.items()}
        unknown_diagonal = {name: unknown[name] for name in plan.parameters}
        return _Part(math.nan, row_losses, unknown, unknown_diagonal, input_diagonal * torch.nan, final)

    for strength, directions in hessians.directions(plan.passes(len(rows))) if hessians else ():
        found = tape.pulled_back(directions)
        for call, cotangents in zip(tape.calls, found, strict=False):  # the inputs' own comes last
            for name, squares in call.squares(strength, cotangents).items():
                sums[name] += squares
        if inputs:
            slope = found[-1] if factor is None else coloured(found[-1], factor)
            input_diagonal += torch.einsum("rk,rk...->r...", strength, slope.square())
        for part, stray in stray_gradients(module, plan.strays, rows, directions):
            for name, gradient in stray.items():
                sums[name] += torch.tensordot(strength[part], gradient.square(), dims=2)
    return _Part(
        float(value.detach()),
        row_losses,
        dict(zip(wanted, slopes, strict=True)),
        {name: total.double() / len(rows) for name, total in sums.items()},
        input_diagonal,
        final,
    )


def _is_separable(module: nn.Module, loss: Loss, pairs: tuple[Batch, ...]) -> bool:
    """Whether the loss adds up over the outputs, by a few rows."""
    inputs, targets = spread_rows(pairs, SEPARABLE_ROWS)
    with torch.no_grad():
        outputs = module(inputs)
    return len(outputs) == len(targets) and separable(loss, outputs, targets)
