"""Means over all rows from some of them, with the help of quantities whose means over all rows are known."""

from __future__ import annotations

import torch
from torch import Tensor

RANK_TOLERANCE = 1e-5  # known quantities that differ by less, relative, are one: single precision cannot tell them


class CalibratedRows:
    r"""Weights of sampled rows with which the known quantities have their true means.

    With x the known quantities of a row, :math:`\bar x_N` their means over all N rows and the n rows S drawn without
    replacement, the regression estimator of a mean is :math:`\hat y = \sum_S w_r y_r`,

    .. math::
        w_r = \frac{1}{n} + (x_r - \bar x_S)^T \Sigma^{-1} (\bar x_N - \bar x_S), \qquad
        \Sigma = \sum_S (x_r - \bar x_S)(x_r - \bar x_S)^T.

    Its error stems from the residuals e of y regressed on x alone:

    .. math::
        se^2 = \sum_S (w_r - 1/N)^2 \frac{e_r^2}{(1 - h_r)(1 - h_r + 1/n)} +
        \frac{N - n}{N^2} \frac{\sum_S e_r^2}{n - 1 - k},

    h being the rows' leverages and k the rank of x. It is the error against the mean over these N rows, so it
    vanishes with n = N. Rows with heavy tails have large leverages; with the first factor alone (HC2) the error would
    be too small for them (variance of the standardised error 1.1 to 1.5). The second one counts the leverage beyond
    1/n, so that without known quantities this is the plain error of a mean.

    Args:
        known: [N, q] quantities of all rows; q may be 0.
        sample: [n] indices of the drawn rows, n above q + 1.

    Source:
        Deville and Särndal, JASA 87 (1992) 376, equation 2.4 and section 4; leverages: MacKinnon and White, J.
        Econometrics 29 (1985) 305 (HC3).
    """

    def __init__(self, known: Tensor, sample: Tensor) -> None:
        self.total, self.rows = len(known), sample
        drawn = known[sample].double()
        centred = drawn - drawn.mean(0)
        left, sizes, right = torch.linalg.svd(centred, full_matrices=False)
        kept = sizes > RANK_TOLERANCE * sizes.max() if len(sizes) else sizes > 0
        self._basis = left[:, kept]
        shift = known.double().mean(0) - drawn.mean(0)
        self._weights = 1 / len(sample) + self._basis @ ((right[kept] @ shift) / sizes[kept])
        self._leverages = 1 / len(sample) + self._basis.square().sum(1)

    def mean(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Estimated means over all rows and their standard errors.

        Args:
            values: [points, n] quantities of the sampled rows.

        Returns:
            Two float64 tensors [points].
        """
        values = values.double()
        count, total, rank = len(self.rows), self.total, self._basis.shape[1]
        residuals = values - values.mean(1, keepdim=True)
        residuals = residuals - (residuals @ self._basis) @ self._basis.T
        squares = residuals.square()
        left = (1 - self._leverages).clamp_min(1e-9)
        sampled = squares @ ((self._weights - 1 / total).square() / (left * (left + 1 / count)))
        unseen = squares.sum(1) / (count - 1 - rank) * ((total - count) / total**2)
        return values @ self._weights, (sampled + unseen).sqrt()
