"""How alike two networks see the same rows."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.landscape.problem.model import Batches
from lowland.landscape.problem.problem import Model, Problem, problem_of
from lowland.randomness import generator

MINIMUM_ROWS = 5
ERROR_ROWS = 500  # the standard error is taken from so many rows: their pairs are looked at one by one
BLOCK_PAIRS = 2**20  # pairs of rows whose kernels are held at once
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
    The cost is linear in the rows where the features are few, and that of one product of Gram matrices, formed in
    blocks of rows, where they are many.

    U(K, L) is the sum of :math:`\hat K_{ij} \hat L_{ij}` over pairs, :math:`\hat K` being U-centred, so that to first
    order CKA is a mean over pairs of

    .. math::
        w_{ij} = \mathrm{CKA} \left( \frac{\hat K_{ij} \hat L_{ij}}{\overline{\hat K \hat L}}
        - \frac{\hat K_{ij}^2}{2 \overline{\hat K^2}} - \frac{\hat L_{ij}^2}{2 \overline{\hat L^2}} \right).

    Such a mean has Hoeffding's variance :math:`4 \zeta_1 / n + 2 \zeta_2 / (n(n-1))`, :math:`\zeta_2 = E[w_{ij}^2]`
    dominating for many features. The jackknife counts its second part twice, and is right about the bends of the
    ratio that the first order leaves out: the standard error is that of the jackknife less one second part.

    Args:
        features_a: [rows, ...], at least 5 rows.
        features_b: [rows, ...] of the same rows; the number of features may differ.

    Returns:
        At most about 1, with a standard error over rows. The error is honest from about 60 rows on (variance of the
        standardised error within 0.8 and 1.25); it is too small below (by a factor of 1.1 at 40 rows) and where the
        features have hardly a fourth moment. ``undefined`` where one set is constant, or would be
        without some row, ``non_finite`` where a feature is not finite.

    Raises:
        LowlandError: Different or too few rows.

    Source:
        Kornblith et al., ICML 2019; unbiased U: Song et al., JMLR 13 (2012) 1393, equation 5; debiased CKA: Murphy et
        al., arXiv:2405.01012; variance: Hoeffding, Ann. Math. Statist. 19 (1948) 293, equation 5.13; jackknife: Efron
        and Stein, Ann. Statist. 9 (1981) 586, equation 4.4.
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
    error = _standard_error(first, second)
    return Estimate(value, error, rows, "ok" if math.isfinite(error) else "undefined")


def layer_cka(model_a: Model, model_b: Model, batches: Batches | None = None) -> dict[str, Estimate]:
    """Debiased linear CKA of two networks layer by layer, on the same rows.

    Layers are the innermost modules that both networks have under the same name, each called once with one tensor as
    its result (or as the first of its results: a recurrent layer's outputs). Deployed networks are seen by their
    dequantized twins, whose layers carry the names of their steps. Modules that call no submodules show their outputs
    only.

    Args:
        model_a: Module in evaluation mode, deployed network with ``dequantized()``, or ``Problem``; left as it came.
        model_b: The other one; its layers may have other widths.
        batches: Sequence of (inputs, targets), at least 5 rows in all; the targets do not matter. Those of ``model_a``
            where that is a ``Problem``.

    Returns:
        ``linear_cka`` by layer name in the order of computation, last the outputs as ``output``.

    Raises:
        LowlandError: Training mode, unusable batches, too few rows.

    Source:
        Kornblith et al., ICML 2019, section 6.
    """
    problem = problem_of(model_a, None, batches)
    pairs = problem.batches
    other = model_b.on(pairs) if isinstance(model_b, Problem) else Problem(model_b, None, pairs)
    features_a, features_b = _features(problem), _features(other)
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
def _features(problem: Problem) -> dict[str, Tensor]:
    """Results [rows, ...] of all layers that are called once a pass, and of the network."""
    module, pairs = problem.whole, problem.batches
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
    products = _sums_of_products(first, second)
    kernels = [(first, second), (first, first), (second, second)]
    both, own_first, own_second = (_unbiased(a, b, total) for (a, b), total in zip(kernels, products, strict=True))
    return both / (own_first * own_second) ** 0.5 if own_first > 0 and own_second > 0 else None


def _sums_of_products(first: Tensor, second: Tensor) -> list[Tensor]:
    """Sums over all pairs of rows of K L, of K K and of L L, by way of whichever products cost less."""
    rows, p, q = len(first), first.shape[1], second.shape[1]
    if p * q + p * p + q * q <= rows * (p + q):
        return [(a.T @ b).square().sum() for a, b in ((first, second), (first, first), (second, second))]
    sums = first.new_zeros(3)
    for a, b in zip(*(f.split(max(1, BLOCK_PAIRS // rows)) for f in (first, second)), strict=True):
        own_first, own_second = a @ first.T, b @ second.T
        pairs = ((own_first, own_second), (own_first, own_first), (own_second, own_second))
        sums += torch.stack([torch.dot(k.flatten(), other.flatten()) for k, other in pairs])
    return list(sums)


def _unbiased(first: Tensor, second: Tensor, products: Tensor) -> float:
    """Unbiased Hilbert-Schmidt independence criterion of two linear kernels, times n(n - 3)."""
    rows = len(first)
    norms_first, norms_second = first.square().sum(1), second.square().sum(1)
    sums_first = first @ first.sum(0) - norms_first
    sums_second = second @ second.sum(0) - norms_second
    trace = products - torch.dot(norms_first, norms_second)
    grand = sums_first.sum() * sums_second.sum() / ((rows - 1) * (rows - 2))
    return float(trace + grand - 2 / (rows - 2) * torch.dot(sums_first, sums_second))


def _standard_error(first: Tensor, second: Tensor) -> float:
    """Of CKA of all rows, by the pairs of at most ``ERROR_ROWS`` of them."""
    rows = len(first)
    if rows > ERROR_ROWS:
        chosen = torch.randperm(rows, generator=generator("linear_cka"))[:ERROR_ROWS].to(first.device)
        first, second = first[chosen], second[chosen]
    count = len(first)
    grams = [(features @ features.T).fill_diagonal_(0) for features in (first, second)]
    values = _without_each(grams)
    jackknife = (count - 1) / count * float((values - values.mean()).square().sum())
    pairs = 2 / (count * (count - 1)) * _pair_variance(grams)
    single = max(0.0, jackknife - 2 * pairs)
    return math.sqrt(single * count / rows + pairs * count * (count - 1) / (rows * (rows - 1)))


def _without_each(grams: list[Tensor]) -> Tensor:
    """CKA [rows] without each of the rows, of two Gram matrices without diagonal."""
    sums = [gram.sum(1) for gram in grams]
    rows = len(grams[0])

    def unbiased(one: int, other: int) -> Tensor:
        products = (grams[one] * grams[other]).sum(1)
        trace = products.sum() - 2 * products
        grand = (sums[one].sum() - 2 * sums[one]) * (sums[other].sum() - 2 * sums[other]) / ((rows - 2) * (rows - 3))
        crossed = grams[other] @ sums[one] + grams[one] @ sums[other]
        joint = sums[one] @ sums[other] - sums[one] * sums[other] - crossed + products
        return trace + grand - 2 / (rows - 3) * joint

    return unbiased(0, 1) / (unbiased(0, 0) * unbiased(1, 1)).sqrt()


def _pair_variance(grams: list[Tensor]) -> float:
    """Mean square of the terms whose mean over pairs of rows is CKA to first order; the matrices are used up."""
    count = len(grams[0])
    one, other = (_centred(gram) for gram in grams)
    pairs = count * (count - 1)
    square_one, square_other = one.square().sum() / pairs, other.square().sum() / pairs
    weights = one.square().div_(square_one).add_(other.square().div_(square_other)).div_(2)
    alignment = one.mul_(other).div_((square_one * square_other).sqrt())
    weights = alignment - (alignment.sum() / pairs) * weights
    return float(weights.square().sum() / pairs)


def _centred(gram: Tensor) -> Tensor:
    """A Gram matrix [rows, rows] without its diagonal U-centred in place: all its rows sum to 0."""
    rows = len(gram)
    sums = gram.sum(1)
    gram -= (sums[:, None] + sums) / (rows - 2)
    gram += sums.sum() / ((rows - 1) * (rows - 2))
    return gram.fill_diagonal_(0)
