"""Whether two means of the same rows are the same to within a margin."""

from __future__ import annotations

from torch import Tensor

from lowland.errors import LowlandError
from lowland.estimate import Estimate

POINT = 0.01


def equivalence_of_means(first: Tensor, second: Tensor, *, margin: float = POINT) -> Estimate:
    """P value of two one-sided paired t-tests: small where the means surely differ by less than the margin.

    Args:
        first: A number of every row [rows], such as 1 where an answer is right.
        second: Of the same rows.
        margin: The largest difference that does not matter, above 0.

    Returns:
        The larger of the two p values; ``undefined`` for fewer than two rows. Where all differences are equal, 0 or 1.

    Raises:
        LowlandError: Other rows, or no margin.

    Source:
        Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15, 657.
    """
    from scipy import stats  # here, so that a refused study does not wait for it

    if first.shape != second.shape or first.ndim != 1:
        raise LowlandError(f"values have shapes {list(first.shape)} and {list(second.shape)}; expected the same [rows]")
    if not margin > 0:
        raise LowlandError(f"margin is {margin}; expected a number above 0")
    apart = (first.double() - second.double()).numpy()
    if len(apart) < 2:
        return Estimate.missing("undefined")
    if apart.std() == 0:
        return Estimate(0.0 if abs(apart[0]) < margin else 1.0, 0.0, len(apart))
    above = stats.ttest_1samp(apart, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(apart, margin, alternative="less").pvalue
    return Estimate(float(max(above, below)), 0.0, len(apart))
