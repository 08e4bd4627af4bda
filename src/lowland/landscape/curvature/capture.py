"""One capture of a model's curvature, shared by every measure that needs the diagonal of the Hessian or the inputs'."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.landscape.curvature.output_hessians import OutputHessians, separable
from lowland.landscape.curvature.row_gradients import RowPlan, coloured, stray_gradients
from lowland.landscape.curvature.row_tape import RowTape
from lowland.landscape.problem.batches import spread_rows
from lowland.landscape.problem.model import Batch, Batches, Dequantizable, Loss, gradients
from lowland.landscape.problem.problem import Problem, problem_of
from lowland.landscape.problem.row_losses import row_losses

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
        outputs: [rows, ...] of the problem's ``model``.
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
    model: nn.Module | Dequantizable | Problem,
    loss: Loss | None = None,
    batches: Batches | None = None,
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
        model: Module in evaluation mode, a deployed network with ``dequantized()``, or a ``Problem``.
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
    problem = problem_of(model, loss, batches)
    if parameters and problem.obstacle:
        raise LowlandError(
            f"model: {problem.obstacle}, so the exact diagonal of the Hessian is not available: use "
            "hessian_trace(..., method='hutchinson')"
        )
    return captured(problem, problem.parameters if parameters else {}, inputs=inputs, input_factor=input_factor)


def exact_curvature(problem: Problem) -> Curvature:
    """The capture that the measures of a problem share: the diagonal in all parameters in which it is exact.

    Args:
        problem: Model, loss and rows.
    """
    return problem.once("exact curvature", lambda: _exact(problem, inputs=False))


def exact_curvature_with_inputs(problem: Problem) -> Curvature:
    """The same with the diagonal in the inputs, which then serves both; for measures of many kinds on one problem."""
    found = problem.once("exact curvature with inputs", lambda: _exact(problem, inputs=True))
    problem.once("exact curvature", lambda: found)
    return found


def _exact(problem: Problem, *, inputs: bool) -> Curvature:
    wanted = {name: p for name, p in problem.parameters.items() if name not in problem.bends}
    return captured(problem, wanted, inputs=inputs)


def captured(
    problem: Problem, diagonal_of: dict[str, nn.Parameter], *, inputs: bool, input_factor: Tensor | None = None
) -> Curvature:
    """``capture_curvature`` with the diagonal in some of the parameters.

    Args:
        problem: Model, loss and rows.
        diagonal_of: The parameters whose diagonal is wanted, by name.
        inputs: Whether that of the inputs is wanted.
        input_factor: As for ``capture_curvature``.
    """
    wanted = problem.parameters
    if inputs:
        problem.require_differentiable_inputs()
    if diagonal_of or inputs:
        problem.require_second_derivatives()
    plan = RowPlan.of(problem.model, diagonal_of, problem.batches)
    total = problem.num_rows
    mean_loss, by_row = 0.0, []
    gradient = {name: torch.zeros_like(p, dtype=torch.float64, requires_grad=False) for name, p in wanted.items()}
    diagonal = {name: torch.zeros_like(gradient[name]) for name in plan.parameters}
    wide = (bool(diagonal_of) or inputs) and not _is_separable(problem)
    for part in plan.by_chunks(
        problem.batches,
        lambda own, batch: _of_chunk(problem, own, batch, inputs, input_factor),
        square_outputs=wide,
    ):
        share = len(part.outputs) / total
        mean_loss += share * part.loss
        by_row.append((part.row_losses, part.input_diagonal, part.outputs))
        for sums, means in ((gradient, part.gradient), (diagonal, part.diagonal)):
            for name, mean in means.items():
                sums[name].add_(mean, alpha=share)
    losses, input_diagonal, outputs = (_joined(pieces) for pieces in zip(*by_row, strict=True))
    over_rows = Estimate.from_samples(losses)
    return Curvature(
        loss=Estimate(mean_loss, over_rows.standard_error, total, over_rows.status),
        gradient=gradient,
        diagonal=diagonal,
        input_diagonal=input_diagonal,
        outputs=outputs,
        parameters={name: p.detach() for name, p in wanted.items()},
    )


def exact_traces(problem: Problem) -> dict[str, float]:
    """The trace of the Hessian of a piecewise linear network in each layer, without its diagonal.

    The sums of squares of the gradients are those of two norms where a layer is linear on vectors, so that this costs
    little beyond the backward passes.

    Args:
        problem: Of a network without ``bends``.

    Returns:
        By layer name; parameters that no layer's formula covers stand under their own names. NaN where the loss is not
        finite.
    """
    problem.require_second_derivatives()
    plan = RowPlan.of(problem.model, problem.parameters, problem.batches)
    sums = dict.fromkeys(sorted(plan.layers | plan.strays.keys()), 0.0)
    wide = not _is_separable(problem)
    chunks = plan.by_chunks(
        problem.batches, lambda own, batch: _norms_of_chunk(problem, own, batch), square_outputs=wide
    )
    for part in chunks:
        for name, value in part.items():
            sums[name] = sums.get(name, 0.0) + value / problem.num_rows
    return sums


def _norms_of_chunk(problem: Problem, plan: RowPlan, batch: Batch) -> dict[str, float]:
    """Sums over the rows of one chunk, by layer or by the name of a parameter without a formula."""
    rows, targets = batch
    names = sorted(plan.layers | plan.strays.keys())
    tape = RowTape(problem.model, rows, layers=plan.layers)
    outputs = tape.outputs.detach()
    hessians = OutputHessians(problem.loss, outputs, targets)
    if not (hessians.finite and outputs.isfinite().all()):
        return dict.fromkeys(names, math.nan)
    sums = dict.fromkeys(names, 0.0)
    for strength, directions in hessians.directions(plan.passes(len(rows))):
        for call, cotangents in zip(tape.calls, tape.pulled_back(directions), strict=True):
            for place in range(strength.shape[1]):
                sums[call.name] += float(strength[:, place] @ call.square_norms(cotangents[:, place]))
        for part, stray in stray_gradients(problem.model, plan.strays, rows, directions):
            for name, gradient in stray.items():
                sums[name] += float(torch.tensordot(strength[part], gradient.square(), dims=2).sum())
    return sums


def _joined(pieces: Sequence[Tensor]) -> Tensor:
    """All rows; without values where rows of several batches have several shapes."""
    if len({piece.shape[1:] for piece in pieces}) > 1:
        return torch.cat([piece.new_zeros(len(piece), 0) for piece in pieces])
    return torch.cat(list(pieces))


@dataclass(frozen=True)
class _Part:
    """What one chunk contributes, as means over its rows."""

    loss: float
    row_losses: Tensor
    gradient: dict[str, Tensor]
    diagonal: dict[str, Tensor]
    input_diagonal: Tensor
    outputs: Tensor


def _of_chunk(problem: Problem, plan: RowPlan, batch: Batch, inputs: bool, factor: Tensor | None) -> _Part:
    """One chunk: a forward pass, a backward pass for the gradient and one for each direction of the outputs."""
    (rows, targets), wanted = batch, problem.parameters
    tape = RowTape(problem.model, rows, layers=plan.layers, inputs=inputs)
    value = problem.loss(tape.outputs, targets)
    slopes = gradients(value, wanted, retain_graph=True)
    final = tape.outputs.detach()
    own_losses = row_losses(problem.loss, final, targets)
    shape = rows.shape if factor is None else (len(rows), factor.shape[-1])
    input_diagonal = torch.zeros(shape, dtype=final.dtype, device=final.device)
    sums = {name: torch.zeros_like(p, requires_grad=False) for name, p in plan.parameters.items()}
    hessians = OutputHessians(problem.loss, final, targets) if plan.parameters or inputs else None
    if not (value.isfinite() and final.isfinite().all() and (hessians is None or hessians.finite)):
        unknown = {name: torch.full_like(p, torch.nan, requires_grad=False) for name, p in wanted.items()}
        unknown_diagonal = {name: unknown[name] for name in plan.parameters}
        return _Part(math.nan, own_losses, unknown, unknown_diagonal, input_diagonal * torch.nan, final)

    for strength, directions in hessians.directions(plan.passes(len(rows))) if hessians else ():
        pulled = tape.pulled_back(directions)
        for call, cotangents in zip(tape.calls, pulled, strict=False):  # the inputs' own comes last
            for name, squares in call.squares(strength, cotangents).items():
                if name in sums:
                    sums[name] += squares
        if inputs:
            slope = pulled[-1] if factor is None else coloured(pulled[-1], factor)
            input_diagonal += torch.einsum("rk,rk...->r...", strength, slope.square())
        for part, stray in stray_gradients(problem.model, plan.strays, rows, directions):
            for name, gradient in stray.items():
                sums[name] += torch.tensordot(strength[part], gradient.square(), dims=2)
    return _Part(
        float(value.detach()),
        own_losses,
        dict(zip(wanted, slopes, strict=True)),
        {name: total.double() / len(rows) for name, total in sums.items()},
        input_diagonal,
        final,
    )


def _is_separable(problem: Problem) -> bool:
    """Whether the loss adds up over the outputs, by a few rows."""
    inputs, targets = spread_rows(problem.batches, SEPARABLE_ROWS)
    with torch.no_grad():
        outputs = problem.model(inputs)
    return separable(problem.loss, outputs, targets)
