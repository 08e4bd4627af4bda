"""How alike two networks see the same rows."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.landscape.subject import Batches, Dequantizable, checked_batches, differentiable

MINIMUM_ROWS = 5
GROUPS = 20
OUTPUT = "output"
"""Under this name ``layer_cka`` compares the networks' own outputs."""


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


def layer_cka(
    model_a: nn.Module | Dequantizable, model_b: nn.Module | Dequantizable, batches: Batches
) -> dict[str, Estimate]:
    """Debiased linear CKA of two networks layer by layer, on the same rows.

    Layers are the innermost modules that both networks have under the same name, each called once with one tensor as
    its result (or as the first of its results: a recurrent layer's outputs). Deployed networks are seen by their
    dequantized twins, whose layers carry the names of their steps. Modules that call no submodules show their outputs
    only.

    Args:
        model_a: Module in evaluation mode, or a deployed network with ``dequantized()``; left as it came.
        model_b: The other one; its layers may have other widths.
        batches: Sequence of (inputs, targets), at least 5 rows in all; the targets do not matter.

    Returns:
        ``linear_cka`` by layer name in the order of computation, last the outputs as ``output``.

    Raises:
        LowlandError: Training mode, unusable batches, too few rows.

    Source:
        Kornblith et al., ICML 2019, section 6.
    """
    features_a, features_b = (_features(model, batches) for model in (model_a, model_b))
    return {name: linear_cka(rows, features_b[name]) for name, rows in features_a.items() if name in features_b}


def disagreement_rate(outputs_a: Tensor, outputs_b: Tensor) -> Estimate:
    """Share of rows that two networks decide differently (highest output).

    Args:
        outputs_a: [rows, classes] of one network, two classes or more.
        outputs_b: [rows, classes] of the other, same rows.

    Returns:
        In [0, 1], with standard error over rows; ``non_finite`` where an output is not finite.

    Raises:
        LowlandError: Outputs of another form, or of different forms.

    Source:
        Churn: Milani Fard et al., NeurIPS 2016, definition 1.
    """
    if outputs_a.shape != outputs_b.shape or outputs_a.ndim != 2 or outputs_a.shape[1] < 2 or not len(outputs_a):
        raise LowlandError(
            f"outputs: got shapes {tuple(outputs_a.shape)} and {tuple(outputs_b.shape)}; expected twice the same "
            "[rows, classes], two classes or more"
        )
    if not (outputs_a.isfinite().all() and outputs_b.isfinite().all()):
        return Estimate.missing("non_finite")
    return Estimate.from_samples(outputs_a.argmax(1) != outputs_b.argmax(1))


@torch.no_grad()
def _features(model: nn.Module | Dequantizable, batches: Batches) -> dict[str, Tensor]:
    """Results [rows, ...] of all layers that are called once a pass, and of the network."""
    module = differentiable(model)
    pairs = checked_batches(batches, module)
    calls: list[tuple[str, Tensor]] = []

    def record(name: str, output: object) -> None:
        result = output[0] if isinstance(output, tuple) and output else output
        if isinstance(result, Tensor):
            calls.append((name, result.clone()))  # an in-place activation may follow

    handles = [
        leaf.register_forward_hook(lambda _module, _inputs, output, name=name: record(name, output))
        for name, leaf in module.named_modules()
        if name and next(leaf.children(), None) is None
    ]
    found: dict[str, list[Tensor]] = {}
    try:
        for inputs, _ in pairs:
            calls.clear()
            calls.append((OUTPUT, module(inputs)))
            for name, result in calls:
                found.setdefault(name, []).append(result)
    finally:
        for handle in handles:
            handle.remove()
    sizes = [len(inputs) for inputs, _ in pairs]
    return {name: torch.cat(parts) for name, parts in found.items() if [len(part) for part in parts] == sizes}


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
    if first.shape[1] * second.shape[1] <= rows**2:
        products = (first.T @ second).square().sum()
    else:  # the same sum by way of Gram matrices, which are smaller than the features' products here
        products = ((first @ first.T) * (second @ second.T)).sum()
    trace = products - torch.dot(norms_first, norms_second)
    grand = sums_first.sum() * sums_second.sum() / ((rows - 1) * (rows - 2))
    return float(trace + grand - 2 / (rows - 2) * torch.dot(sums_first, sums_second))
