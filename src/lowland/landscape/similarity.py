"""How alike two networks see the same rows."""

from __future__ import annotations

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.estimate import Estimate

MINIMUM_ROWS = 5
GROUPS = 20


def linear_cka(features_a: Tensor, features_b: Tensor) -> Estimate:
    r"""Debiased linear centred kernel alignment of two sets of features of the same rows.

    With :math:`\tilde K` the Gram matrix of one set without its diagonal, :math:`\tilde L` that of the other and n
    rows,

    .. math::
        U(K, L) = \mathrm{tr}(\tilde K \tilde L) + \frac{1^T \tilde K 1 \, 1^T \tilde L 1}{(n-1)(n-2)}
        - \frac{2}{n-2} 1^T \tilde K \tilde L 1, \qquad \mathrm{CKA} = \frac{U(K, L)}{\sqrt{U(K, K) U(L, L)}}.

    It is 1 for features equal up to rotation, shift and scale, and 0 in expectation (either sign) for unrelated ones.
    The cost is linear in the rows: no Gram matrix is formed.

    Args:
        features_a: [rows, ...], at least 5 rows.
        features_b: [rows, ...] of the same rows; the number of features may differ.

    Returns:
        At most about 1, with a standard error over rows (jackknife over 20 groups of rows); ``undefined`` where one set
        is constant, ``non_finite`` where a feature is not finite.

    Raises:
        LowlandError: Different or too few rows.

    Source:
        Kornblith et al., ICML 2019; unbiased U: Song et al., JMLR 13 (2012) 1393, equation 5; debiased CKA: Murphy et
        al., arXiv:2405.01012.
    """
    if len(features_a) != len(features_b) or len(features_a) < MINIMUM_ROWS:
        raise LowlandError(
            f"features: got {len(features_a)} and {len(features_b)} rows; expected the same rows, at least "
            f"{MINIMUM_ROWS}"
        )
    first, second = (f.detach().double().flatten(1) for f in (features_a, features_b))
    first, second = first - first.mean(0), second - second.mean(0)
    rows = len(first)
    value = _debiased_alignment(first, second)
    if value is None:
        finite = bool(first.isfinite().all() and second.isfinite().all())
        return Estimate.missing("undefined" if finite else "non_finite")
    groups = min(GROUPS, rows)
    membership = torch.arange(rows, device=first.device) % groups
    left_out = [_debiased_alignment(first[membership != g], second[membership != g]) for g in range(groups)]
    kept = torch.tensor([v if v is not None else torch.nan for v in left_out], dtype=torch.float64)
    error = float(((groups - 1) * kept.var(correction=0)).sqrt())
    return Estimate(value, error, rows)


def _debiased_alignment(first: Tensor, second: Tensor) -> float | None:
    """CKA of features [rows, p] and [rows, q]; ``None`` where one set does not vary."""
    both, own_first, own_second = (_unbiased(a, b) for a, b in ((first, second), (first, first), (second, second)))
    product = own_first * own_second
    return both / product**0.5 if own_first > 0 and own_second > 0 else None


def _unbiased(first: Tensor, second: Tensor) -> float:
    """Unbiased Hilbert-Schmidt independence criterion of two linear kernels, times n(n - 3)."""
    rows = len(first)
    norms_first, norms_second = first.square().sum(1), second.square().sum(1)
    sums_first = first @ first.sum(0) - norms_first
    sums_second = second @ second.sum(0) - norms_second
    trace = (first.T @ second).square().sum() - torch.dot(norms_first, norms_second)
    grand = sums_first.sum() * sums_second.sum() / ((rows - 1) * (rows - 2))
    return float(trace + grand - 2 / (rows - 2) * torch.dot(sums_first, sums_second))
