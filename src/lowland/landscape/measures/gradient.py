"""The slope of the loss in the parameters: of the mean, and row by row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy.special import bdtrik
from torch import Tensor

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.landscape.curvature.capture import Curvature, captured
from lowland.landscape.curvature.row_gradients import RowPlan, stray_gradients
from lowland.landscape.curvature.row_tape import RowTape
from lowland.landscape.problem.model import Batches, Loss
from lowland.landscape.problem.problem import Model, Problem, problem_of
from lowland.measurements import Measurement

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
TAIL = 0.025  # outside each of the limits from which a quantile's standard error is taken
LIMITS = 1.959964  # standard deviations of a normal distribution that leave out so much


@dataclass(frozen=True)
class GradientNorms:
    """Distribution of the rows' gradient norms.

    Attributes:
        norms: [rows] Euclidean norm of each row's gradient in all trainable parameters, float64.
        quantiles: Which quantiles were asked for.
        estimates: The norm at each quantile, with its standard error over rows.
    """

    norms: Tensor
    quantiles: tuple[float, ...]
    estimates: tuple[Estimate, ...]

    def rows(self) -> list[Measurement]:
        """One row of the long table a quantile (its level)."""
        return [
            Measurement("landscape", "sample_gradient_norm", estimate, level=quantile)
            for quantile, estimate in zip(self.quantiles, self.estimates, strict=True)
        ]


def mean_gradient(model: Model, loss: Loss | None = None, batches: Batches | None = None) -> dict[str, Tensor]:
    """Gradient of the mean loss over all rows; the parameters' own ``.grad`` is not touched.

    Args:
        model: Module in evaluation mode, deployed network with ``dequantized()``, or ``Problem``; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets).

    Returns:
        float64 tensors of the parameters' shapes by parameter name.

    Raises:
        LowlandError: Training mode, unusable batches or parameters without gradient.
    """
    return _first_order(problem_of(model, loss, batches)).gradient


def gradient_norm(model: Model, loss: Loss | None = None, batches: Batches | None = None) -> Estimate:
    """Euclidean norm of the gradient of the mean loss in all trainable parameters.

    Args:
        model: Module in evaluation mode, deployed network with ``dequantized()``, or ``Problem``; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets).

    Returns:
        The norm, deterministic on these rows; status ``non_finite`` where the loss is.

    Raises:
        LowlandError: Training mode, unusable batches or parameters without gradient.
    """
    return _first_order(problem_of(model, loss, batches)).gradient_norm


def gradient_norms(
    model: Model,
    loss: Loss | None = None,
    batches: Batches | None = None,
    *,
    quantiles: Sequence[float] = QUANTILES,
) -> GradientNorms:
    r"""Distribution over rows of the Euclidean norm of a row's own gradient, :math:`\|\nabla_\theta \ell_r\|`.

    A linear layer contributes :math:`\|a_r\|^2 \|\delta_r\|^2` with its input a and the cotangent :math:`\delta` at
    its output, so no gradient of a single row is formed there.

    Args:
        model: Module in evaluation mode, deployed network with ``dequantized()``, or ``Problem``; left as it came.
        loss: ``loss(outputs, targets)``, mean over independent rows.
        batches: Sequence of (inputs, targets).
        quantiles: Levels in (0, 1), ascending or not.

    Returns:
        The norms, and each quantile q: the order statistic at q(n + 1) of n rows, interpolated linearly. Its standard
        error is the width of the exact 95 % limits over 2 × 1.96: the order statistics below which the number of rows
        under the true quantile, binomial (n, q), falls with probability 0.025 and 0.975. The variance of (value -
        truth) / standard error is within 0.8 and 1.25 (simulated for normal and lognormal rows, n = 20 to 2,000).
        Status ``undefined``, without standard error, where a limit is not among the rows: below 72 rows for q = 0.05
        and 0.95, 13 for the quartiles, 6 for the median; ``non_finite`` where a norm is.

    Raises:
        LowlandError: Levels out of range, training mode, unusable batches or parameters without gradient.

    Source:
        Norms: Goodfellow, arXiv:1510.01799. Standard errors: Hahn and Meeker, Statistical Intervals (1991),
        section 5.2; between order statistics: Hettmansperger and Sheather, Stat. Probab. Lett. 4 (1986) 75.
    """
    if not quantiles or not all(0 < q < 1 for q in quantiles):
        raise LowlandError(f"quantiles: got {tuple(quantiles)}; expected at least one, each between 0 and 1")
    problem = problem_of(model, loss, batches)
    plan = RowPlan.of(problem.model, problem.parameters, problem.batches)
    chunks = plan.by_chunks(problem.batches, lambda own, chunk: _square_norms(problem, own, *chunk))
    squares = torch.cat(list(chunks))
    norms = squares.double().sqrt()
    ordered = norms.sort().values.cpu()
    return GradientNorms(norms, tuple(quantiles), tuple(_quantile(ordered, q) for q in quantiles))


def _first_order(problem: Problem) -> Curvature:
    """The shared capture where there is one, else one without second derivatives."""
    return problem.kept("exact curvature") or captured(problem, {}, inputs=False)


def _square_norms(problem: Problem, plan: RowPlan, rows: Tensor, targets: Tensor) -> Tensor:
    """Squared gradient norm [rows] of each row's loss."""
    tape = RowTape(problem.model, rows, layers=plan.layers)
    leaf = tape.outputs.detach().requires_grad_()
    (slope,) = torch.autograd.grad(problem.loss(leaf, targets), leaf)
    slope = slope * len(rows)  # of each row's own loss, not of its share of the mean
    total = leaf.new_zeros(len(rows), requires_grad=False)
    for call, cotangents in zip(tape.calls, tape.pulled_back(slope[:, None]), strict=True):
        total += call.square_norms(cotangents[:, 0])
    for part, gradients in stray_gradients(problem.model, plan.strays, rows, slope[:, None]):
        for gradient in gradients.values():
            total[part] += gradient.square().flatten(1).sum(1)
    return total


def _quantile(ordered: Tensor, level: float) -> Estimate:
    """An empirical quantile of sorted norms with the standard error that its exact limits give."""
    count = len(ordered)
    if not ordered.isfinite().all():
        return Estimate(math.nan, math.nan, count, "non_finite")
    value = _order_statistic(ordered, min(max(level * (count + 1), 1.0), count))
    if max(level, 1 - level) ** count > TAIL:  # that all rows lie on one side of the quantile is too likely
        return Estimate(value, math.nan, count, "undefined")
    low, high = (_order_statistic(ordered, 1 + float(bdtrik(share, count, level))) for share in (TAIL, 1 - TAIL))
    return Estimate(value, (high - low) / (2 * LIMITS), count)


def _order_statistic(ordered: Tensor, position: float) -> float:
    """The norm at a place among the sorted ones, the lowest being at 1, interpolated linearly."""
    below = math.floor(position)
    low, high = float(ordered[below - 1]), float(ordered[min(below, len(ordered) - 1)])
    return low + (position - below) * (high - low)
