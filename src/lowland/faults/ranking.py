"""Which stored bits hurt most when they flip, predicted without flipping them: scores of the literature, and recall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.faults.bit_flips import Flips
from lowland.faults.flip_map_options import RANKINGS
from lowland.faults.targets import CODE_BITS, CodeBits, within
from lowland.landscape.curvature.capture import capture_curvature
from lowland.landscape.measures.eigenvalues import hessian_eigenvalues
from lowland.landscape.measures.matched import weight_changes
from lowland.landscape.problem.model import Batches, Loss
from lowland.landscape.problem.problem import Problem
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.randomness import generator

CURVED = frozenset({"matched", "second_order"})  # need the exact diagonal of the Hessian


def flip_scores(
    network: IntegerNetwork,
    loss: Loss,
    batches: Batches,
    *,
    rankings: Sequence[str] = RANKINGS,
    bits: CodeBits = CODE_BITS,
    num_eigenvectors: int = 1,
) -> dict[str, dict[str, Tensor]]:
    r"""How harmful each single bit flip is said to be, by several rankings at once.

    With :math:`\delta` the weight change of the flip, g the gradient and H the Hessian of the mean loss of the
    dequantized network:

    - ``matched``: :math:`g\delta + \frac12 H_{ii}\delta^2`, the terms of ``flip_curvature``;
    - ``second_order``: :math:`\frac12 H_{ii}\delta^2` alone; ``first_order``: :math:`g\delta` alone;
    - ``fkeras``: parameters by :math:`\sum_k \lambda_k^2 |v_k \cdot w| |v_{k,i}|` with eigenvectors v of the Hessian
      and the weights w, as FKeras' code has it; ``fkeras_pylandscape``: by
      :math:`\sum_k |\lambda_k (v_k \cdot w) v_{k,i}|`. With one eigenvector their orders are the same. The most
      significant bits of all parameters come first;
    - ``magnitude``: parameters by |w|, the most significant bits of all of them first;
    - ``squared_change``: :math:`\delta^2`, no data at all; ``most_significant``: the place of the bit alone.

    Args:
        network: Deployed network.
        loss: ``loss(outputs, targets)``, mean over samples.
        batches: Sequence of (inputs, targets).
        rankings: Of ``RANKINGS``.
        bits: Which bits, and how codes are written in them.
        num_eigenvectors: For the two of FKeras, at least 1.

    Returns:
        By ranking and tensor name, float64 [*codes.shape, bits], bits from the least significant; higher is worse.

    Raises:
        LowlandError: An unknown ranking, encoding, target or layer; the network has no exact diagonal (for ``matched``
            and ``second_order``); unusable batches.

    Source:
        FKeras: Weng et al., ACM TRETS 17 (2024) 24; first and second order: LeCun et al., "Optimal brain damage", 1989.
    """
    unknown = sorted(set(rankings) - set(RANKINGS))
    if unknown or not rankings:
        raise LowlandError(f"rankings: got {', '.join(unknown) or 'none'}; expected some of {', '.join(RANKINGS)}")
    changes = dict(weight_changes(network, bits.encoding, bits.targets))
    changes = within(changes, bits.layers, steps=network.steps.keys())
    parameters = {name: p.detach().double() for name, p in network.dequantized().named_parameters() if name in changes}
    curved = bool(CURVED & set(rankings))
    problem = Problem(network, loss, batches)
    found = capture_curvature(problem, parameters=curved, inputs=False) if _needs_data(rankings) else None
    scores: dict[str, dict[str, Tensor]] = {}
    if found is not None:
        slopes = {name: found.gradient[name][..., None] * change for name, change in changes.items()}
        bends = (
            {n: found.diagonal[n][..., None] * change.square() / 2 for n, change in changes.items()} if curved else {}
        )
        scores["first_order"] = slopes
        scores["second_order"] = bends
        scores["matched"] = {name: slopes[name] + bend for name, bend in bends.items()}
    if {"fkeras", "fkeras_pylandscape"} & set(rankings):
        scores |= _by_eigenvectors(problem, parameters, changes, num_eigenvectors)
    scores["magnitude"] = _most_significant_first({n: p.abs() for n, p in parameters.items()}, changes)
    scores["most_significant"] = _most_significant_first(
        {n: torch.zeros_like(p) for n, p in parameters.items()}, changes
    )
    scores["squared_change"] = {name: change.double().square() for name, change in changes.items()}
    return {name: scores[name] for name in rankings}


def worst_flips(scores: Mapping[str, Tensor], count: int) -> Flips:
    """The flips with the highest scores; equal ones in a fixed random order.

    Args:
        scores: [*codes.shape, bits] by tensor name.
        count: 0 to the number of bits.

    Raises:
        LowlandError: More flips than bits, or fewer than none.
    """
    total = sum(values.numel() for values in scores.values())
    if not 0 <= count <= total:
        raise LowlandError(f"count is {count}; expected 0 to {total}, the bits that are ranked")
    chosen, start, flips = _order(scores)[:count], 0, {}
    for name, values in scores.items():
        own = chosen[(chosen >= start) & (chosen < start + values.numel())] - start
        if len(own):
            flips[name] = (own // values.shape[-1], own % values.shape[-1])
        start += values.numel()
    return Flips(flips)


def recall_at(scores: Mapping[str, Tensor], truth: Mapping[str, Tensor], count: int) -> float:
    """Share of the truly worst flips that are among the first ones of a ranking.

    Args:
        scores: [*codes.shape, bits] by tensor name.
        truth: Of the same shapes; higher is worse. Flips that are as bad as the last of the worst count as such, so
            that ties cannot make a ranking look bad.
        count: How many of each, 1 to the number of bits.

    Raises:
        LowlandError: Different tensors, or a count out of range.
    """
    if scores.keys() != truth.keys() or any(scores[n].shape != truth[n].shape for n in truth):
        raise LowlandError("scores and truth are of different tensors; expected one number for every bit in both")
    real = torch.cat([truth[name].flatten().double() for name in truth])
    if not 1 <= count <= len(real):
        raise LowlandError(f"count is {count}; expected 1 to {len(real)}, the bits that are ranked")
    least = real.topk(count).values[-1]
    first = _order({name: scores[name] for name in truth})[:count]
    return float((real[first] >= least).double().mean())


def _order(scores: Mapping[str, Tensor]) -> Tensor:
    """Places of all bits, highest score first; the order of equal ones is random but always the same."""
    flat = torch.cat([values.flatten().double() for values in scores.values()])
    shuffled = torch.randperm(len(flat), generator=generator("ties of ranked flips"))
    return shuffled[flat[shuffled].argsort(descending=True, stable=True)]


def _needs_data(rankings: Sequence[str]) -> bool:
    return bool({*CURVED, "first_order"} & set(rankings))


def _by_eigenvectors(
    problem: Problem,
    parameters: Mapping[str, Tensor],
    changes: Mapping[str, Tensor],
    count: int,
) -> dict[str, dict[str, Tensor]]:
    """Both forms of FKeras' score."""
    found = hessian_eigenvalues(problem, count=count, with_vectors=True)
    vectors = {name: found.vectors[name].double() for name in parameters} if found.vectors else {}
    along = sum((vectors[name].flatten(1) @ p.flatten() for name, p in parameters.items()), torch.zeros(count).double())
    scores = {}
    for name, weights in (("fkeras", found.values.square()), ("fkeras_pylandscape", found.values.abs())):
        strength = weights * along.abs()
        by_parameter = {n: torch.einsum("k,k...->...", strength, v.abs()) for n, v in vectors.items()}
        scores[name] = _most_significant_first(by_parameter, changes)
    return scores


def _most_significant_first(parameters: Mapping[str, Tensor], changes: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Scores of bits from scores of parameters: the top bits of all parameters, then the next ones."""
    highest = max((float(p.max()) for p in parameters.values() if p.numel()), default=0.0) or 1.0
    scores = {}
    for name, values in parameters.items():
        bits = changes[name].shape[-1]
        from_top = torch.arange(bits - 1, -1, -1)
        scores[name] = values[..., None] / (2 * highest) - from_top
    return scores
