"""The temperature by which outputs are divided so that their probabilities mean what they say."""

from __future__ import annotations

import math

from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn.functional import cross_entropy

from lowland.disagreement.rows import checked_logits, checked_targets
from lowland.estimate import Estimate

LARGEST = 100.0  # of a temperature, and of its inverse: beyond, the outputs say nothing of the classes, or all


def fitted_temperature(logits: Tensor, targets: Tensor) -> Estimate:
    """The temperature with the lowest cross-entropy, on rows that are judged nowhere else.

    Args:
        logits: [rows, classes].
        targets: Right classes [rows].

    Returns:
        With the standard error of a maximum-likelihood fit (sandwich, over rows). ``non_finite`` where an output is
        not finite, ``not_converged`` without an optimum within 0.01 to 100: separable rows have none.

    Raises:
        LowlandError: Tensors of other forms, or targets that are no classes.

    Source:
        Guo et al., ICML 2017, section 4.2.
    """
    checked_logits(logits, "logits")
    targets = checked_targets(targets, logits)
    outputs = logits.detach().double()
    if not outputs.isfinite().all():
        return Estimate.missing("non_finite")

    def loss(log_inverse: float) -> float:
        return float(cross_entropy(outputs * math.exp(log_inverse), targets))

    end = math.log(LARGEST)
    found = minimize_scalar(loss, bounds=(-end, end), method="bounded", options={"xatol": 1e-6})
    inverse = math.exp(float(found.x))
    probabilities = (outputs * inverse).softmax(1)
    mean = (probabilities * outputs).sum(1)
    slopes = mean - outputs.gather(1, targets[:, None]).squeeze(1)  # of each row's loss in the inverse temperature
    curvature = float(((probabilities * outputs.square()).sum(1) - mean.square()).mean())
    settled = abs(float(slopes.mean())) < 1e-3 * float(slopes.abs().mean())
    error = math.sqrt(float(slopes.square().mean()) / len(outputs)) / curvature if curvature > 0 else math.nan
    return Estimate(1 / inverse, error / inverse**2, len(outputs), "ok" if settled else "not_converged")
