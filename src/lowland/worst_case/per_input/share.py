"""How much of what an oracle gains beyond the best static policy another policy gains."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lowland.estimate import Estimate

RESAMPLES = 2000
CERTAIN = 2.0
"""Standard errors by which the oracle must surpass the static policy for a share of its gain to exist: where it does
worse on these rows, as one that learned others by heart may, a ratio would say nothing."""


@dataclass(frozen=True)
class Share:
    """A ratio of mean gains and where it may lie.

    Attributes:
        estimate: The ratio; ``undefined`` where the oracle does not surely gain anything itself.
        lower: 2.5th percentile of resampled rows; NaN where undefined.
        upper: 97.5th percentile.
    """

    estimate: Estimate
    lower: float
    upper: float


def share_of_gain(policy: Tensor, static: Tensor, oracle: Tensor, generator: torch.Generator) -> Share:
    r"""(policy − static) / (oracle − static), of means over the same rows.

    The standard error is that of the linearized ratio; the interval is a bootstrap over rows. A share may be negative,
    and above 1 where the oracle knows less than the policy.

    Args:
        policy: Harm of every row [rows], higher where more is gained.
        static: Under the best static policy [rows].
        oracle: Under the oracle [rows].
        generator: Of the resamples.
    """
    gained, possible = policy - static, oracle - static
    whole = Estimate.from_samples(possible)
    if whole.status != "ok" or whole.value <= CERTAIN * whole.standard_error:
        return Share(Estimate.missing("undefined"), float("nan"), float("nan"))
    ratio = float(gained.mean() / possible.mean())
    error = Estimate.from_samples((gained - ratio * possible) / possible.mean()).standard_error
    rows = len(policy)
    weights = torch.stack(
        [torch.bincount(torch.randint(rows, (rows,), generator=generator), minlength=rows) for _ in range(RESAMPLES)]
    ).double()
    ratios = (weights @ gained) / (weights @ possible)
    lower, upper = torch.quantile(ratios, torch.tensor([0.025, 0.975], dtype=ratios.dtype)).tolist()
    return Share(Estimate(ratio, error, rows), lower, upper)
