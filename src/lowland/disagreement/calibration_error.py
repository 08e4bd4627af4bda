"""Whether probabilities mean what they say."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from lowland.disagreement.rows import checked_logits, checked_targets
from lowland.errors import LowlandError
from lowland.estimate import Estimate


def expected_calibration_error(logits: Tensor, targets: Tensor, *, num_bins: int = 15) -> Estimate:
    r"""Mean gap between confidence and accuracy over bins of equally many rows, less the bias of its absolute values.

    With :math:`g_b` the gap of bin b, :math:`n_b` its rows and :math:`s_b` the standard error of the gap, a perfect
    network still has :math:`E|g_b| = s_b \sqrt{2/\pi}`. The bias is estimated as that of a Gaussian around the gap that
    was found, :math:`E|N(g_b, s_b^2)| - |g_b|`, and taken off. That leaves 59 % of it where the gap is 0 (no
    estimate of an absolute value is unbiased) and next to nothing from gaps of two standard errors on.

    Args:
        logits: [rows, classes]; the confidence is the highest probability.
        targets: Right classes [rows].
        num_bins: Of neighbours in confidence; each has two rows or more.

    Returns:
        With a standard error over rows that ignores the kink at gaps of 0 (there it is somewhat too large);
        ``non_finite`` where an output is not finite.

    Raises:
        LowlandError: Tensors of other forms, targets that are no classes, too few rows for the bins.

    Source:
        Guo et al., ICML 2017, equation 3; bias: Kumar et al., NeurIPS 2019, section 5.
    """
    checked_logits(logits, "logits")
    targets = checked_targets(targets, logits)
    if not 1 <= num_bins <= len(logits) // 2:
        raise LowlandError(f"num_bins: got {num_bins} for {len(logits)} rows; expected 1 to {len(logits) // 2}")
    if not logits.isfinite().all():
        return Estimate.missing("non_finite")
    confidence, answers = logits.detach().double().softmax(1).max(1)
    order = np.argsort(confidence.numpy(), kind="stable")
    gaps = ((answers == targets).double() - confidence).numpy()[order]
    each, larger = divmod(len(gaps), num_bins)
    sizes = np.where(np.arange(num_bins) < larger, each + 1, each)
    starts = np.append(0, sizes.cumsum()[:-1])
    means = np.add.reduceat(gaps, starts) / sizes
    squares = np.add.reduceat(np.square(gaps - np.repeat(means, sizes)), starts)
    shares, errors = sizes / len(gaps), np.sqrt(squares / (sizes - 1) / sizes)
    folded = np.array([_mean_of_folded(*pair) for pair in zip(abs(means).tolist(), errors.tolist(), strict=True)])
    return Estimate(float(shares @ (2 * abs(means) - folded)), float(np.linalg.norm(shares * errors)), len(gaps))


def brier_score(logits: Tensor, targets: Tensor) -> Estimate:
    """Mean over rows of the summed squares of probabilities less the right ones: 0 is best, 2 worst.

    Args:
        logits: [rows, classes].
        targets: Right classes [rows].

    Returns:
        With a standard error over rows; ``non_finite`` where an output is not finite.

    Raises:
        LowlandError: Tensors of other forms, or targets that are no classes.

    Source:
        Brier, Mon. Weather Rev. 78 (1950) 1, equation 2.
    """
    classes = checked_logits(logits, "logits")
    right = torch.nn.functional.one_hot(checked_targets(targets, logits).long(), classes)
    return Estimate.from_samples((logits.detach().double().softmax(1) - right).square().sum(1))


def _mean_of_folded(mean: float, deviation: float) -> float:
    """Mean of the absolute value of a Gaussian."""
    if deviation == 0:
        return abs(mean)
    ratio = mean / deviation
    density = math.exp(-(ratio**2) / 2) / math.sqrt(2 * math.pi)
    return 2 * deviation * density + mean * math.erf(ratio / math.sqrt(2))
