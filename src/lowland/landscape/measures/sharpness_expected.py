"""How much the loss rises on average when every weight is off by a random share of itself."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.functional_call import call_with
from lowland.landscape.problem.model import Batches, Loss
from lowland.landscape.problem.problem import Model, Problem, problem_of
from lowland.randomness import generator as keyed_generator


def expected_sharpness(
    model: Model,
    loss: Loss | None = None,
    batches: Batches | None = None,
    *,
    relative_size: float,
    num_draws: int = 50,
    generator: torch.Generator | None = None,
) -> Estimate:
    r"""Mean rise of the loss under Gaussian noise on the weights, each in proportion to its own size.

    :math:`E_\varepsilon L(\theta + \sigma |\theta| \odot \varepsilon) - L(\theta)` with independent standard normal
    :math:`\varepsilon_i` and the relative size :math:`\sigma`. Noise in proportion to each weight, unlike noise of one
    size per layer, follows every rescaling of neurons by :math:`\alpha` and :math:`1 / \alpha`, so that networks that
    compute the same get the same number. For small :math:`\sigma` it is :math:`\tfrac12 \sigma^2 \sum_i H_{ii}
    \theta_i^2`, half :math:`\sigma^2` times ``scaled_trace``. Draws come in pairs :math:`\pm \varepsilon`, whose first
    orders cancel.

    Args:
        model: Module in evaluation mode, deployed network with ``dequantized()``, or ``Problem``; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets).
        relative_size: Standard deviation of the noise, as a share of each weight; above 0.
        num_draws: Pairs of draws, at least 2.
        generator: CPU generator of the draws; a fixed one without it.

    Returns:
        In the loss's unit, with standard error over the pairs; status ``non_finite`` where a loss is.

    Raises:
        LowlandError: Sizes or numbers out of range, training mode, unusable batches or parameters without gradient.

    Source:
        Neyshabur et al., "Exploring generalization in deep learning", NeurIPS 2017; in proportion to the weights:
        Andriushchenko et al., "A modern look at the relationship between sharpness and generalization", ICML 2023,
        equation 2 (average case, c = |w|).
    """
    if not (relative_size > 0 and math.isfinite(relative_size)):
        raise LowlandError(f"relative_size: got {relative_size}; expected a finite share of each weight above 0")
    if num_draws < 2:
        raise LowlandError(f"num_draws: got {num_draws}; expected at least 2, or no standard error can be given")
    problem = problem_of(model, loss, batches)
    weights = {name: p.detach() for name, p in problem.parameters.items()}
    draws = generator or keyed_generator("expected_sharpness")
    centre = mean_loss_at(problem, weights)
    rises = torch.empty(num_draws, dtype=torch.float64)
    for index in range(num_draws):
        steps = {
            name: torch.randn(w.shape, generator=draws).to(w) * w.abs() * relative_size for name, w in weights.items()
        }
        ends = (
            mean_loss_at(problem, {name: w + sign * steps[name] for name, w in weights.items()}) for sign in (1, -1)
        )
        rises[index] = sum(ends) / 2 - centre
    return Estimate.from_samples(rises)


def mean_loss_at(problem: Problem, weights: Mapping[str, Tensor]) -> float:
    """Mean loss over all rows with other values of the parameters; the module is left as it is."""
    with torch.no_grad():
        return math.fsum(
            float(problem.whole_loss(call_with(problem.whole, weights, inputs), targets))
            * (len(inputs) / problem.num_rows)
            for inputs, targets in problem.batches
        )
