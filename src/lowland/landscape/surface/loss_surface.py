"""Losses over a plane through a model's parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.estimate import Status
from lowland.landscape.problem.model import Batches, Loss
from lowland.landscape.problem.problem import Model, Problem, problem_of
from lowland.landscape.surface.directions import Direction, Directions, checked_direction
from lowland.landscape.surface.grid_losses import grid_losses
from lowland.landscape.surface.points import PointLosses


@dataclass(frozen=True)
class LossSurface:
    """Losses over the plane of two directions.

    Attributes:
        x: [nx] coordinates along the first direction; 0 is the model.
        y: [ny] coordinates along the second.
        losses: [nx, ny] float64 mean losses.
        standard_errors: [nx, ny] of the losses against the means over all given rows: 0 where all were computed.
        num_rows: [nx, ny] rows computed at each point.
        status: ``non_finite`` where a loss is not finite, else that of the directions: ``not_converged`` where they are
            not yet the eigenvectors that they are called (the losses are right for the plane that they span).
    """

    x: Tensor
    y: Tensor
    losses: Tensor
    standard_errors: Tensor
    num_rows: Tensor
    status: Status

    def columns(self) -> dict[str, list[float] | list[str]]:
        """The points as columns of a table, y fastest; the status is the same in all."""
        places = torch.cartesian_prod(self.x, self.y).view(-1, 2)
        return {
            "x": places[:, 0].tolist(),
            "y": places[:, 1].tolist(),
            "loss": self.losses.flatten().tolist(),
            "standard_error": self.standard_errors.flatten().tolist(),
            "num_rows": self.num_rows.flatten().tolist(),
            "status": [self.status] * len(places),
        }


def loss_surface(
    model: Model,
    loss: Loss | None = None,
    batches: Batches | None = None,
    *,
    directions: Sequence[Direction],
    span: float = 1.0,
    num_points: int = 41,
    coordinates: tuple[Tensor, Tensor] | None = None,
    rows_per_point: int | None = None,
    relative_error: float | None = None,
    generator: torch.Generator | None = None,
) -> LossSurface:
    r"""Mean loss at :math:`\theta + x d_1 + y d_2`.

    Without ``rows_per_point`` and ``relative_error`` every point is computed on all rows, without error. With either,
    rows are drawn without replacement, the same ones for all points, and all rows are computed at up to 5 × 5 anchors
    of the grid only; the rows' losses at the anchors tell what the drawn rows miss (``CalibratedRows``), which is most
    of it. The standard errors are against the mean over the given rows. The variance of (value - truth) / standard
    error, simulated with 100 to 512 of 3,000 rows and averaged over the points, is 0.9 to 1.1 for normal inputs and
    0.75 to 1.15 for those that hardly have a variance (Student's t, 2.5 degrees of freedom), whose values lie up to
    half a standard error too low or too high on average. With ``relative_error``, points that miss it get twice as many
    rows, until they meet it or have all rows.

    What is moved in a deployed network are its dequantized weights and biases (not rounded again), with its activation
    quantizers; in a quantization-aware module its floating parameters, which its forward rounds at every point.

    Args:
        model: Module in evaluation mode, deployed network with ``dequantized()``, or ``Problem``; left as it came.
        loss: ``loss(outputs, targets)``, mean over independent rows.
        batches: Sequence of (inputs, targets); their sizes do not matter.
        directions: Two, each with changes by parameter name, e.g. from ``filter_normalised_directions`` or
            ``hessian_directions``, whose status the surface takes over.
        span: Half the side of the surface, in units of the directions, above 0.
        num_points: Points from -span to span along each side, at least 1; an odd number has the model in the middle.
        coordinates: [nx] x and [ny] y, instead of ``span`` and ``num_points``.
        rows_per_point: Rows drawn, 40 or more; with ``relative_error`` those of the first round (512 without it).
        relative_error: Wanted standard error as a share of the loss, above 0.
        generator: CPU generator of the drawn rows; a fixed one without it.

    Returns:
        The surface; where losses are not finite they stay so and the status says it.

    Raises:
        LowlandError: Not two directions, unknown names or other shapes in them, coordinates that are no vectors,
            ``rows_per_point`` or ``relative_error`` out of range, training mode, unusable batches, a loss that is no
            mean over rows, a network that mixes rows.

    Source:
        Li et al., "Visualizing the loss landscape of neural nets", NeurIPS 2018, section 4.
    """
    if len(directions) != 2:
        raise LowlandError(f"directions: got {len(directions)}; expected 2")
    x, y = _checked_coordinates([None, None] if coordinates is None else list(coordinates), span, num_points)
    named = {f"directions[{index}]": direction for index, direction in enumerate(directions)}
    points = _points(problem_of(model, loss, batches), named)
    losses, errors, rows, status = grid_losses(points, [x, y], rows_per_point, relative_error, generator)
    if status == "ok" and isinstance(directions, Directions):
        status = directions.status
    return LossSurface(x, y, losses, errors, rows, status)


def _checked_coordinates(given: list[Tensor | None], span: float, num_points: int) -> list[Tensor]:
    """Coordinates in float64 on the CPU, evenly spaced where there are none."""
    if not (span > 0 and math.isfinite(span)):
        raise LowlandError(f"span: got {span}; expected a finite number above 0")
    if num_points < 1:
        raise LowlandError(f"num_points: got {num_points}; expected at least 1")
    axes = []
    for axis in given:
        values = _evenly(span, num_points) if axis is None else torch.as_tensor(axis)
        if values.ndim != 1 or not len(values) or not values.isfinite().all():
            raise LowlandError(
                f"coordinates: got shape {tuple(values.shape)}; expected a vector of finite numbers for each direction"
            )
        axes.append(values.detach().double().cpu())
    return axes


def _evenly(span: float, count: int) -> Tensor:
    """Points from -span to span with an exact 0 in the middle of an odd number."""
    steps = torch.arange(count, dtype=torch.float64) * 2 - (count - 1)
    return steps * (span / max(count - 1, 1))


def _points(problem: Problem, directions: dict[str, Direction]) -> PointLosses:
    """The plane of the checked directions through the model."""
    parameters = {name: p.detach() for name, p in problem.whole.named_parameters()}
    checked = [checked_direction(direction, parameters, name) for name, direction in directions.items()]
    origin = {name: parameters[name] for direction in checked for name in direction}
    return PointLosses(problem, origin, checked)
