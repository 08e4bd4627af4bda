"""From which uncertainty on a network should not answer, so that a stated risk holds among the answers it gives."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from scipy.stats import binom
from torch import Tensor

from lowland.disagreement.rows import checked_scores
from lowland.errors import LowlandError


@dataclass(frozen=True, slots=True)
class AbstentionThreshold:
    """The most lenient threshold at which the risk is proved to hold.

    Attributes:
        threshold: Answers are given up to this uncertainty; minus infinity where nothing could be proved: never.
        coverage: Share of the rows at hand that are answered.
        num_answered: How many these are.
        num_wrong: Wrong ones among them.
        risk: The share of wrong answers that is not exceeded.
        delta: With which probability it is exceeded all the same, over draws of the rows.
    """

    threshold: float
    coverage: float
    num_answered: int
    num_wrong: int
    risk: float
    delta: float


def least_answers(risk: float, *, delta: float = 0.1) -> int:
    """Rows without an error that it takes to prove a risk: 45 for 5 %, 230 for 1 %, at ``delta`` 0.1.

    Args:
        risk: Share of wrong answers among those given.
        delta: Probability of a wrong proof.

    Raises:
        LowlandError: One of them is not between 0 and 1.
    """
    for name, value in {"risk": risk, "delta": delta}.items():
        if not 0 < value < 1:
            raise LowlandError(f"{name}: got {value}; expected a number above 0 and below 1")
    return math.ceil(math.log(delta) / math.log1p(-risk))


def fixed_thresholds(
    validation: Tensor, num_rows: int, *, risk: float, delta: float = 0.1, num_thresholds: int = 50
) -> Tensor:
    """Thresholds that are tried one after the other, the strictest first, chosen before the rows that prove are seen.

    Args:
        validation: Uncertainties [rows] of other rows, those on which the network was chosen.
        num_rows: Rows that will prove; the first threshold is one at which twice ``least_answers`` of them are
            expected to be answered, all of them where there are fewer.
        risk: Share of wrong answers among those given.
        delta: Probability of a wrong proof.
        num_thresholds: How many, equally far apart in the share answered; the last answers everything.

    Returns:
        [thresholds] in float64, ascending; equal ones are left out.

    Raises:
        LowlandError: A risk or delta that is none, uncertainties that are not finite.
    """
    if not len(validation) or not validation.isfinite().all():
        raise LowlandError("validation: got no uncertainties, or some that are not finite; expected finite ones")
    first = min(1.0, 2 * least_answers(risk, delta=delta) / max(num_rows, 1))
    shares = torch.linspace(first, 1, num_thresholds, dtype=torch.float64)[:-1]
    quantiles = validation.detach().double().quantile(shares, interpolation="higher").unique()
    return torch.cat([quantiles, torch.tensor([math.inf], dtype=torch.float64)])


def abstention_threshold(
    uncertainties: Tensor, wrong: Tensor, thresholds: Tensor, *, risk: float, delta: float = 0.1
) -> AbstentionThreshold:
    r"""Learn-then-Test with a fixed sequence: thresholds become more lenient until the first is not proved.

    At each the wrong ones among n answered rows are binomial given n, so that
    :math:`P(\mathrm{Bin}(n, \mathrm{risk}) \le \mathrm{wrong})` is an exact p-value; as the sequence was fixed before
    these rows were seen, no level is shared out. The guarantee is that of one network and of rows like these:
    it does not hold for the best of several networks, nor on shifted data.

    Args:
        uncertainties: [rows], on rows that trained, scaled, tempered and chose nothing.
        wrong: Which answers are wrong, or disagree with a reference [rows].
        thresholds: Ascending, as ``fixed_thresholds`` gives them.
        risk: Share of wrong answers among those given.
        delta: Probability of a wrong proof.

    Raises:
        LowlandError: Other forms, uncertainties that are not finite, thresholds that do not ascend, no such risk.

    Source:
        Angelopoulos et al., Ann. Appl. Stat. 19 (2025) 1641 (arXiv:2110.01052), section 3.
    """
    least_answers(risk, delta=delta)
    scores, marked = checked_scores(uncertainties, wrong, "wrong")
    if not scores.isfinite().all():
        raise LowlandError("uncertainties: got some that are not finite; expected finite ones")
    if thresholds.ndim != 1 or not len(thresholds) or not bool((thresholds.diff() > 0).all()):
        raise LowlandError("thresholds: expected ascending numbers, fixed before the rows are seen")
    best = AbstentionThreshold(-math.inf, 0.0, 0, 0, risk, delta)
    for threshold in thresholds.tolist():
        answered = scores <= threshold
        count, errors = int(answered.sum()), int((answered & marked).sum())
        if binom.cdf(errors, count, risk) > delta:
            break
        best = AbstentionThreshold(threshold, count / len(scores), count, errors, risk, delta)
    return best
