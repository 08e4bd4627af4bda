"""How much the loss rises in the worst direction, in a ball that scales with the weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.functional_call import call_with
from lowland.landscape.measures.sharpness_expected import mean_loss_at
from lowland.landscape.problem.model import Batches, Loss, gradients
from lowland.landscape.problem.problem import Model, Problem, problem_of
from lowland.randomness import generator as keyed_generator

RANDOM_STARTS = 2
SETTLED = 1e-3  # relative rise in the last quarter of the steps below which the ascent counts as converged
SMALLEST_STEP = 1e-4


def adaptive_sharpness(
    model: Model,
    loss: Loss | None = None,
    batches: Batches | None = None,
    *,
    radius: float,
    num_steps: int = 40,
    generator: torch.Generator | None = None,
) -> Estimate:
    r"""Largest rise of the loss that gradient ascent finds in a ball normalised by the weights.

    :math:`\max_{\| u \| \le \rho} L(\theta + |\theta| \odot u) - L(\theta)`: the ball follows every rescaling of
    neurons by :math:`\alpha` and :math:`1 / \alpha`. Projected ascent along the normalised gradient in u, with steps
    that grow while the loss rises and shrink where it does not; it starts once along the gradient at the centre and
    twice at random, and the best end counts. The value is a lower bound of the maximum.

    Args:
        model: Module in evaluation mode, deployed network with ``dequantized()``, or ``Problem``; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets).
        radius: Euclidean radius :math:`\rho` of u over all parameters together; above 0.
        num_steps: Ascent steps from each start, at least 4.
        generator: CPU generator of the random starts; a fixed one without it.

    Returns:
        In the loss's unit, for these rows (without standard error); ``not_converged`` where the best ascent still rose
        by a thousandth in its last quarter, ``non_finite`` where the loss is not finite on the way.

    Raises:
        LowlandError: Radius or steps out of range, training mode, unusable batches or parameters without gradient.

    Source:
        Kwon et al., "ASAM: adaptive sharpness-aware minimization", ICML 2021, equation 3 (elementwise operator).
    """
    if not (radius > 0 and math.isfinite(radius)):
        raise LowlandError(f"radius: got {radius}; expected a finite number above 0")
    if num_steps < 4:
        raise LowlandError(f"num_steps: got {num_steps}; expected at least 4, or convergence cannot be judged")
    ascent = _Ascent(problem_of(model, loss, batches), radius)
    draws = generator or keyed_generator("adaptive_sharpness")
    starts = [ascent.slope(ascent.centre)[1]]
    starts += [torch.randn(ascent.centre.shape, generator=draws).to(ascent.centre) for _ in range(RANDOM_STARTS)]
    climbs = [ascent.climb(start, num_steps) for start in starts]
    num_rows = ascent.problem.num_rows
    if not all(math.isfinite(value) for climb in climbs for value in climb):
        return Estimate(math.nan, math.nan, num_rows, "non_finite")
    best = max(climbs, key=lambda climb: climb[-1])
    late = best[-1] - best[-1 - num_steps // 4]
    settled = late <= SETTLED * abs(best[-1] - ascent.base) + torch.finfo(ascent.centre.dtype).eps * abs(ascent.base)
    return Estimate(best[-1] - ascent.base, 0.0, num_rows, "ok" if settled else "not_converged")


class _Ascent:
    """The loss as a function of u, flat over all trainable parameters."""

    def __init__(self, problem: Problem, radius: float) -> None:
        self.problem, self.radius = problem, radius
        self.weights = {name: p.detach() for name, p in problem.parameters.items()}
        self.sizes = [w.numel() for w in self.weights.values()]
        self.centre = torch.zeros(sum(self.sizes)).to(next(iter(self.weights.values())))
        self.base = mean_loss_at(problem, self.weights)

    def at(self, place: Tensor) -> dict[str, Tensor]:
        """Parameters at u."""
        parts = place.split(self.sizes)
        return {n: w + w.abs() * u.reshape(w.shape) for (n, w), u in zip(self.weights.items(), parts, strict=True)}

    def slope(self, place: Tensor) -> tuple[float, Tensor]:
        """Loss and its gradient in u."""
        values = {name: nn.Parameter(w) for name, w in self.at(place).items()}
        value, slope = 0.0, torch.zeros_like(place)
        for inputs, targets in self.problem.batches:
            share = len(inputs) / self.problem.num_rows
            part = self.problem.whole_loss(call_with(self.problem.whole, values, inputs), targets)
            slopes = gradients(part, values)
            value += share * float(part.detach())
            slope += share * torch.cat(
                [(g * self.weights[n].abs()).flatten() for n, g in zip(values, slopes, strict=True)]
            )
        return value, slope

    def climb(self, start: Tensor, num_steps: int) -> list[float]:
        """Losses after each step of one ascent; they never fall."""
        place = self._onto_sphere(start)
        value, slope = self.slope(place)
        values, step = [value], 1.0
        for _ in range(num_steps):
            if step > SMALLEST_STEP:
                trial = self._projected(place + step * self._onto_sphere(slope))
                new_value, new_slope = self.slope(trial)
                if new_value > value:
                    place, value, slope, step = trial, new_value, new_slope, min(2 * step, 1e3)
                elif math.isfinite(new_value):
                    step /= 4
                else:
                    value = new_value
            values.append(value)
        return values

    def _onto_sphere(self, direction: Tensor) -> Tensor:
        norm = direction.norm()
        return direction * (self.radius / norm) if norm > 0 else direction

    def _projected(self, place: Tensor) -> Tensor:
        norm = place.norm()
        return place * (self.radius / norm) if norm > self.radius else place
