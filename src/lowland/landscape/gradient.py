"""The slope of the loss in the parameters: of the mean, and row by row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.landscape.curvature import capture_curvature
from lowland.landscape.row_gradients import RowPlan, RowTape, stray_gradients
from lowland.landscape.row_means import require_row_mean
from lowland.landscape.subject import Batches, Dequantizable, Loss, checked_batches, differentiable, trainable
from lowland.measurements import Measurement

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


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


def mean_gradient(model: nn.Module | Dequantizable, loss: Loss, batches: Batches) -> dict[str, Tensor]:
    """Gradient of the mean loss over all rows; the parameters' own ``.grad`` is not touched.

    Args:
        model: Module in evaluation mode, or a deployed network with ``dequantized()``; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets).

    Returns:
        float64 tensors of the parameters' shapes by parameter name.

    Raises:
        LowlandError: Training mode, unusable batches or parameters without gradient.
    """
    return capture_curvature(model, loss, batches, parameters=False, inputs=False).gradient


def gradient_norm(model: nn.Module | Dequantizable, loss: Loss, batches: Batches) -> Estimate:
    """Euclidean norm of the gradient of the mean loss in all trainable parameters.

    Args:
        model: Module in evaluation mode, or a deployed network with ``dequantized()``; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets).

    Returns:
        The norm, deterministic on these rows; status ``non_finite`` where the loss is.

    Raises:
        LowlandError: Training mode, unusable batches or parameters without gradient.
    """
    return capture_curvature(model, loss, batches, parameters=False, inputs=False).gradient_norm


def gradient_norms(
    model: nn.Module | Dequantizable, loss: Loss, batches: Batches, *, quantiles: Sequence[float] = QUANTILES
) -> GradientNorms:
    r"""Distribution over rows of the Euclidean norm of a row's own gradient, :math:`\|\nabla_\theta \ell_r\|`.

    A linear layer contributes :math:`\|a_r\|^2 \|\delta_r\|^2` with its input a and the cotangent :math:`\delta` at
    its output, so no gradient of a single row is formed there.

    Args:
        model: Module in evaluation mode, or a deployed network with ``dequantized()``; left as it came.
        loss: ``loss(outputs, targets)``, mean over independent rows.
        batches: Sequence of (inputs, targets).
        quantiles: Levels in (0, 1), ascending or not.

    Returns:
        The norms, and each quantile q (linear interpolation) with half the distance between the empirical quantiles
        :math:`q \pm \sqrt{q (1 - q) / n}` as its standard error over the n rows; status ``non_finite`` where a norm is.

    Raises:
        LowlandError: Levels out of range, training mode, unusable batches or parameters without gradient.

    Source:
        Norms: Goodfellow, arXiv:1510.01799. Standard errors: Woodruff, JASA 47 (1952) 635.
    """
    if not quantiles or not all(0 < q < 1 for q in quantiles):
        raise LowlandError(f"quantiles: got {tuple(quantiles)}; expected at least one, each between 0 and 1")
    module = differentiable(model)
    pairs = checked_batches(batches, module)
    require_row_mean(module, loss, pairs)
    plan = RowPlan.of(module, trainable(module), pairs)
    squares = torch.cat([_square_norms(module, plan, loss, *chunk) for chunk in plan.chunks(pairs)])
    norms = squares.double().sqrt()
    return GradientNorms(norms, tuple(quantiles), tuple(_quantile(norms, q) for q in quantiles))


def _square_norms(module: nn.Module, plan: RowPlan, loss: Loss, rows: Tensor, targets: Tensor) -> Tensor:
    """Squared gradient norm [rows] of each row's loss."""
    tape = RowTape(module, rows, layers=plan.layers)
    leaf = tape.outputs.detach().requires_grad_()
    (slope,) = torch.autograd.grad(loss(leaf, targets), leaf)
    slope = slope * len(rows)  # of each row's own loss, not of its share of the mean
    total = leaf.new_zeros(len(rows), requires_grad=False)
    for call, cotangents in zip(tape.calls, tape.pulled_back(slope[:, None]), strict=True):
        total += call.square_norms(cotangents[:, 0])
    for part, gradients in stray_gradients(module, plan.strays, rows, slope[:, None]):
        for gradient in gradients.values():
            total[part] += gradient.square().flatten(1).sum(1)
    return total


def _quantile(norms: Tensor, level: float) -> Estimate:
    """An empirical quantile with Woodruff's standard error."""
    if not norms.isfinite().all():
        return Estimate(math.nan, math.nan, len(norms), "non_finite")
    reach = math.sqrt(level * (1 - level) / len(norms))
    low, value, high = (float(norms.quantile(min(1.0, max(0.0, level + shift)))) for shift in (-reach, 0, reach))
    return Estimate(value, (high - low) / 2, len(norms))
