"""How two trained networks are connected: along a trained curve and along the straight line."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.estimate import Estimate, Status
from lowland.landscape.problem.adapted import in_single_precision
from lowland.landscape.problem.model import Batches, Dequantizable, Loss, differentiable
from lowland.landscape.problem.problem import Problem
from lowland.landscape.surface.curve import Bend, Ends, trained_bend
from lowland.landscape.surface.points import PointLosses
from lowland.measurements import Measurement
from lowland.randomness import generator as keyed_generator


@dataclass(frozen=True)
class ModeConnectivity:
    """Losses on the way from one network to another.

    Attributes:
        positions: [p] t from 0 (first network) to 1 (second), float64.
        curve_losses: [p] mean test losses along the trained curve, float64.
        curve_standard_errors: [p] over rows.
        linear_losses: [p] mean test losses along the straight line.
        linear_standard_errors: [p] over rows.
        deviation: Mean loss of the two ends minus that of the curve where it is farthest from it: negative for a
            barrier, positive for a valley. Standard error paired over rows.
        curve_barrier: Highest rise of the curve above the line through the losses of its ends, 0 or more.
        linear_barrier: The same along the straight line.
        bend: How far training moved the bend from the middle of the ends, in units of half the distance between them.
        training_losses: [epochs] mean losses of the training steps.
        status: ``not_converged`` where the training loss was still falling, ``non_finite`` where it became so.
    """

    positions: Tensor
    curve_losses: Tensor
    curve_standard_errors: Tensor
    linear_losses: Tensor
    linear_standard_errors: Tensor
    deviation: Estimate
    curve_barrier: Estimate
    linear_barrier: Estimate
    bend: float
    training_losses: Tensor
    status: Status

    @classmethod
    def missing(cls, status: Status) -> ModeConnectivity:
        """What there is to say of networks that cannot be used, and why."""
        none, missing = torch.zeros(0, dtype=torch.float64), Estimate.missing(status)
        return cls(none, none, none, none, none, missing, missing, missing, math.nan, none, status)

    def rows(self) -> list[Measurement]:
        """Deviation and barriers as rows of the long table."""
        values = {
            "mode_connectivity": self.deviation,
            "curve_barrier": self.curve_barrier,
            "linear_barrier": self.linear_barrier,
        }
        return [Measurement("landscape", name, value) for name, value in values.items()]

    def columns(self) -> dict[str, list[float] | list[str]]:
        """The two paths as columns of a table, one row a position; rows and status are the same in all."""
        points = len(self.positions)
        return {
            "position": self.positions.tolist(),
            "curve_loss": self.curve_losses.tolist(),
            "curve_standard_error": self.curve_standard_errors.tolist(),
            "linear_loss": self.linear_losses.tolist(),
            "linear_standard_error": self.linear_standard_errors.tolist(),
            "num_rows": [self.deviation.num_samples] * points,
            "status": [self.status] * points,
        }


def mode_connectivity(
    model_a: nn.Module | Dequantizable,
    model_b: nn.Module | Dequantizable,
    loss: Loss,
    train_batches: Batches,
    test_batches: Batches,
    *,
    num_epochs: int = 20,
    learning_rate: float = 1e-2,
    batch_size: int = 256,
    num_points: int = 21,
    generator: torch.Generator | None = None,
) -> ModeConnectivity:
    r"""Losses along a trained quadratic Bézier curve between two networks, and along the straight line.

    :math:`\gamma(t) = (1-t)^2 \theta_A + 2t(1-t) C + t^2 \theta_B`. The bend C starts in the middle and is trained by
    Adam on :math:`E_{t \sim U(0,1)} L(\gamma(t))`: a new t and new rows each step, rows reshuffled every epoch, the
    learning rate falling to zero along a cosine. On the test rows, with :math:`t^* = \arg\max_t |\frac{1}{2}(L(0) +
    L(1)) - L(\gamma(t))|`,

    .. math::
        mc = \frac{1}{2}(L(0) + L(1)) - L(\gamma(t^*)), \qquad
        barrier = \max_t [L(t) - (1-t) L(0) - t L(1)].

    Trainable parameters follow the curve. Everything else that is floating (scales of activation quantizers, frozen
    thresholds) goes straight from one network's value to the other's on both paths, :math:`(1-t) s_A + t s_B`; whole
    numbers are the first network's. Deployed networks are connected by way of their dequantized twins, whose weights
    are not rounded on the way; quantization-aware modules round their weights at every t.

    Args:
        model_a: Module in evaluation mode, or a deployed network with ``dequantized()``; left as it came.
        model_b: Another one of the same structure.
        loss: ``loss(outputs, targets)``, mean over independent rows.
        train_batches: Sequence of (inputs, targets) that train the bend; their sizes do not matter.
        test_batches: Sequence of (inputs, targets) on which losses are measured; two rows or more.
        num_epochs: Passes over the training rows, at least 1.
        learning_rate: Of Adam at the start, above 0.
        batch_size: Rows of each step, at least 1.
        num_points: Positions from 0 to 1, at least 3.
        generator: CPU generator of t and the order of rows; a fixed one without it.

    Returns:
        Losses along both paths, deviation and barriers with paired standard errors over the test rows (the choice of
        :math:`t^*` is not in them); status ``not_converged`` where the mean loss of the last quarter of the training
        steps is more than two standard errors below that of the quarter before.

    Raises:
        LowlandError: Networks of different structure, with batch-norm (fold it first: statistics of activations are
            not on the line between two networks) or that mix rows, options out of range, training mode, unusable
            batches, parameters without gradient, a loss that is no mean over rows.

    Source:
        Garipov et al., "Loss surfaces, mode connectivity, and fast ensembling of DNNs", NeurIPS 2018, section 3;
        mc: Yang et al., NeurIPS 2021, equation 4; barrier: Entezari et al., ICLR 2022, definition 1.
    """
    _check_options(num_epochs, learning_rate, batch_size, num_points)
    train = Problem(model_a, loss, train_batches)
    _ = train.parameters  # refuses what gets no gradient
    test = Problem(model_a, loss, test_batches)
    ends = Ends.of(train.whole, in_single_precision(differentiable(model_b), ())[0])
    if test.num_rows < 2:
        raise LowlandError("test_batches: got 1 row; expected at least 2, or no standard error can be given")
    draws = generator or keyed_generator("mode_connectivity")
    bend = trained_bend(train, ends, num_epochs, batch_size, learning_rate, draws)

    positions = torch.linspace(0, 1, num_points, dtype=torch.float64)
    t = positions[:, None]
    directions = ends.directions(bend.middle)
    origin = {name: ends.start[name] for direction in directions for name in direction}
    points = PointLosses(test, origin, directions)
    curve = points.of_rows(torch.cat([2 * t * (1 - t), t**2, t], 1)).double()
    line = points.of_rows(torch.cat([torch.zeros_like(t), t, t], 1)).double()

    level = (curve[0] + curve[-1]) / 2
    gaps = level - curve
    farthest = int(gaps.mean(1).abs().argmax())
    status: Status = bend.status if bool(curve.isfinite().all() and line.isfinite().all()) else "non_finite"
    return ModeConnectivity(
        positions,
        *_means(curve),
        *_means(line),
        deviation=_with_status(Estimate.from_samples(gaps[farthest]), bend.status),
        curve_barrier=_with_status(_barrier(curve, t), bend.status),
        linear_barrier=_barrier(line, t),
        bend=_shift(bend, ends),
        training_losses=bend.epoch_losses,
        status=status,
    )


def _check_options(num_epochs: int, learning_rate: float, batch_size: int, num_points: int) -> None:
    """Refuse what cannot be trained or measured."""
    for name, value, least in (
        ("num_epochs", num_epochs, 1),
        ("batch_size", batch_size, 1),
        ("num_points", num_points, 3),
    ):
        if value < least:
            raise LowlandError(f"{name}: got {value}; expected at least {least}")
    if not (learning_rate > 0 and math.isfinite(learning_rate)):
        raise LowlandError(f"learning_rate: got {learning_rate}; expected a finite number above 0")


def _means(losses: Tensor) -> tuple[Tensor, Tensor]:
    """Means and standard errors over rows of [points, rows]."""
    return losses.mean(1), losses.std(1) / math.sqrt(losses.shape[1])


def _barrier(losses: Tensor, t: Tensor) -> Estimate:
    """Highest rise of [points, rows] above the straight line through the ends."""
    rises = losses - (1 - t) * losses[0] - t * losses[-1]
    means = rises.mean(1)
    if not means.isfinite().all():
        return Estimate.missing("non_finite")
    means[[0, -1]] = 0.0  # up to rounding they are, and so is the barrier where no point is above
    highest = int(means.argmax())
    return Estimate.from_samples(rises[highest]) if highest else Estimate(0.0, 0.0, losses.shape[1])


def _with_status(estimate: Estimate, status: Status) -> Estimate:
    """The estimate with the status of the curve that it was taken on, unless its own is worse."""
    if estimate.status != "ok" or status == "ok":
        return estimate
    return Estimate(estimate.value, estimate.standard_error, estimate.num_samples, status)


def _shift(bend: Bend, ends: Ends) -> float:
    """Distance of the bend from the middle in half distances of the ends; NaN for equal ends."""
    moved = sum(float((bend.middle[n] - (ends.start[n] + ends.stop[n]) / 2).square().sum()) for n in ends.trainable)
    apart = sum(float((ends.stop[n] - ends.start[n]).square().sum()) for n in ends.trainable)
    return 2 * math.sqrt(moved / apart) if apart > 0 else math.nan
