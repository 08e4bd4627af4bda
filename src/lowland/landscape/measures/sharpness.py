"""Baselines to set beside matched curvature: sharpness in other metrics, weight norm, entropy."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.landscape.measures.trace import hessian_trace, weighted_trace
from lowland.landscape.problem.model import Batches, Dequantizable, Loss, trainable
from lowland.landscape.problem.problem import Model, Problem, problem_of
from lowland.randomness import generator as keyed_generator


def scaled_trace(
    model: Model,
    loss: Loss | None = None,
    batches: Batches | None = None,
    *,
    num_probes: int = 100,
    generator: torch.Generator | None = None,
) -> Estimate:
    r"""Curvature under relative perturbations of the weights, :math:`\sum_i H_{ii} \theta_i^2`.

    It does not change when layers are rescaled by :math:`\alpha` and :math:`1 / \alpha`. Exact where the network is
    piecewise linear in each parameter tensor, sampled elsewhere (see ``weighted_trace``).

    Args:
        model: Module in evaluation mode, deployed network with ``dequantized()``, or ``Problem``; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets).
        num_probes: Hessian products where it is sampled, at least 2.
        generator: CPU generator of the probes; a fixed one without it.

    Returns:
        In the loss's unit: exact on these rows, or with a standard error over probes; status ``non_finite`` where a
        weight or the loss is not finite.

    Raises:
        LowlandError: Too few probes, training mode, unusable batches or parameters without gradient.

    Source:
        Petzka et al., "Relative flatness and generalization", NeurIPS 2021 (its diagonal form).
    """
    problem = problem_of(model, loss, batches)
    squares = {name: p.detach().double().square() for name, p in problem.parameters.items()}
    if not all(bool(square.isfinite().all()) for square in squares.values()):
        return Estimate.missing("non_finite")
    draws = generator or keyed_generator("scaled_trace")
    return weighted_trace(problem, weights=squares, num_probes=num_probes, generator=draws)


def normalised_sharpness(
    model: Model,
    loss: Loss | None = None,
    batches: Batches | None = None,
    *,
    num_probes: int = 100,
    generator: torch.Generator | None = None,
) -> Estimate:
    r"""Trace of the Hessian of the loss of outputs that are scaled to unit spread.

    :math:`\mathrm{tr} \nabla^2_\theta \frac{1}{N} \sum_r \ell(z_r(\theta) / s, y_r)` with the fixed spread
    :math:`s^2 = \mathrm{mean}_{r,c} (z_{rc} - \mathrm{mean}_{r'} z_{r'c})^2`. It takes away that a network with larger
    logits of the same shape looks flatter where it is sure of itself. Exact where the network is piecewise linear in
    each parameter tensor, by Hutchinson's estimator elsewhere.

    Args:
        model: Module in evaluation mode, deployed network with ``dequantized()``, or ``Problem``; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets).
        num_probes: Hessian products where it is sampled, at least 2.
        generator: CPU generator of the probes; a fixed one without it.

    Returns:
        The trace, exact on these rows or with a standard error over probes; status ``undefined`` where all rows give
        the same outputs, ``non_finite`` where the outputs are not finite.

    Raises:
        LowlandError: Too few probes, training mode, unusable batches or parameters without gradient.

    Source:
        Andriushchenko et al., "A modern look at the relationship between sharpness and generalization", ICML 2023,
        section 3 (there row by row and worst case); here one spread for all rows, so that rows keep their weights.
    """
    problem = problem_of(model, loss, batches)
    outputs = problem.outputs().double()
    spread = float((outputs - outputs.mean(0)).square().mean().sqrt())
    if not math.isfinite(spread):
        return Estimate.missing("non_finite")
    if spread == 0 or problem.has_several_outputs:
        return Estimate.missing("undefined")
    draws = generator or keyed_generator("normalised_sharpness")
    scaled = problem.with_loss(partial(_scaled_loss, problem.whole_loss, spread))
    return hessian_trace(scaled, num_probes=num_probes, generator=draws)


def _scaled_loss(loss: Loss, spread: float, outputs: Tensor, targets: Tensor) -> Tensor:
    return loss(outputs / spread, targets)


def weight_norm(model: Model) -> Estimate:
    r"""Euclidean norm of all trainable parameters (weights and biases), :math:`\sqrt{\sum_i \theta_i^2}`.

    Args:
        model: Module, deployed network with ``dequantized()`` (its norm is that of code times scale), or ``Problem``.

    Returns:
        The norm, without error; ``num_samples`` is the number of parameters.
    """
    module = model.model if isinstance(model, Problem) else model
    parameters = trainable(module.dequantized() if isinstance(module, Dequantizable) else module).values()
    square = sum(float(p.detach().double().square().sum()) for p in parameters)
    return Estimate(math.sqrt(square), 0.0, sum(p.numel() for p in parameters))


def output_entropy(outputs: Tensor) -> Estimate:
    r"""Mean entropy of the predicted classes, :math:`-\sum_c p_c \ln p_c` with p the softmax of the outputs.

    Args:
        outputs: [rows, classes] logits, at least two classes.

    Returns:
        Nats in [0, ln classes], with standard error over rows.

    Raises:
        LowlandError: Outputs of another form.
    """
    if outputs.ndim != 2 or outputs.shape[1] < 2 or not len(outputs):
        raise LowlandError(f"outputs: got shape {tuple(outputs.shape)}; expected [rows, classes], two classes or more")
    log_probabilities = outputs.detach().double().log_softmax(1)
    return Estimate.from_samples(-(log_probabilities.exp() * log_probabilities).sum(1))
