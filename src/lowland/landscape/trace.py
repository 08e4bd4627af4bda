"""Trace and diagonal of the Hessian in the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.landscape.curvature import Curvature, capture_curvature
from lowland.landscape.linearity import obstacle_to_exactness
from lowland.landscape.products import HessianProducts
from lowland.landscape.subject import Batches, Dequantizable, Loss, checked_batches, differentiable, trainable
from lowland.measurements import Measurement
from lowland.randomness import generator as keyed_generator

TraceMethod = Literal["auto", "exact", "hutchinson", "hutch++"]

FEWEST_PROBES = {"hutchinson": 2, "hutch++": 6}  # two independent samples, or no standard error can be given
PROBES_AT_ONCE = 4  # more are hardly faster, but need as many times the memory
PROBE_ELEMENTS = 2**17  # of the probes worked on at once
ROUNDING = 1e3  # units of rounding that a row must keep outside the others to give a direction of its own


@dataclass(frozen=True)
class LayerTraces:
    """The trace of the Hessian, layer by layer: the sums of its diagonal over each layer's parameters.

    Attributes:
        layers: By layer name, in the model's order; they sum to ``total``. A parameter that the model owns itself
            stands under its own name.
        total: Trace of the whole.
    """

    layers: dict[str, Estimate]
    total: Estimate

    def rows(self) -> list[Measurement]:
        """One row a layer of the long table, the layer as its target."""
        return [Measurement("landscape", "hessian_trace", value, target=name) for name, value in self.layers.items()]


def hessian_trace(
    model: nn.Module | Dequantizable,
    loss: Loss,
    batches: Batches,
    *,
    method: TraceMethod = "auto",
    num_probes: int = 100,
    generator: torch.Generator | None = None,
) -> Estimate:
    r"""Trace of the Hessian of the mean loss in all trainable parameters.

    ``exact`` sums the diagonal (see ``capture_curvature``): a backward pass for each output of the network, no error.
    ``hutchinson`` averages :math:`v^T H v` over random signs v. ``hutch++`` spends a third of its products on a basis Q
    of the range of H, a third on :math:`tr(Q^T H Q)`, which is exact, and the last on Hutchinson's estimator outside Q:
    :math:`v^T (1 - QQ^T) H (1 - QQ^T) v`; its standard error is that of the last part, Q being given. ``auto`` is exact
    where the network is piecewise linear in each parameter tensor, found by a probe, and Hutchinson elsewhere. Of the
    probes up to four are held at a time, of ``hutch++`` the basis as well: a third of ``num_probes`` vectors.

    Args:
        model: Module in evaluation mode, or a deployed network with ``dequantized()``; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets); their sizes do not matter.
        method: ``auto``, ``exact``, ``hutchinson`` or ``hutch++``.
        num_probes: Hessian products that the sampled methods may spend, at least 2 (``hutch++``: 6). Below about 20
            independent samples the standard error itself is uncertain: errors in its units follow Student's t.
        generator: CPU generator of the probes; a fixed one without it.

    Returns:
        Trace in units of the loss; standard error 0 if exact, over probes otherwise; ``num_samples`` counts rows if
        exact, independent probes otherwise. Status ``non_finite`` where the loss is.

    Raises:
        LowlandError: Unknown method, too few probes, ``exact`` on a network that is not piecewise linear, training
            mode, unusable batches, parameters without gradient, losses that are no means over rows.

    Source:
        Exact: Martens, JMLR 21 (2020), section 8. Hutchinson, Communications in Statistics 18 (1989) 1059. Hutch++:
        Meyer et al., SOSA (2021), arXiv:2010.09649, algorithm 1.
    """
    return hessian_trace_by_layer(
        model,
        loss,
        batches,
        method=method,
        num_probes=num_probes,
        generator=generator or keyed_generator("hessian_trace"),
    ).total


def hessian_trace_by_layer(
    model: nn.Module | Dequantizable,
    loss: Loss,
    batches: Batches,
    *,
    method: TraceMethod = "auto",
    num_probes: int = 100,
    generator: torch.Generator | None = None,
) -> LayerTraces:
    r"""The trace of the Hessian layer by layer, from the same passes or probes as the whole.

    A probe gives every layer a sample: :math:`\sum_{i \in layer} v_i (H v)_i`. Outside the basis Q of ``hutch++`` the
    same holds for the projected Hessian; what the projection leaves out has the known diagonal of :math:`QQ^T H + H
    QQ^T - QQ^T H QQ^T`. Samples of several layers come from the same probes: their errors are not independent.

    Args:
        model: Module in evaluation mode, or a deployed network with ``dequantized()``; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets); their sizes do not matter.
        method: As for ``hessian_trace``.
        num_probes: As for ``hessian_trace``.
        generator: CPU generator of the probes; a fixed one without it.

    Returns:
        One estimate a layer that owns trainable parameters, and the whole.

    Raises:
        LowlandError: As ``hessian_trace``.
    """
    draws = generator or keyed_generator("hessian_trace")
    found = _found(model, loss, batches, None, method, num_probes, draws)
    if isinstance(found, Curvature):
        return layer_traces(found)
    layers = _by_layer(found)
    total = Estimate.from_samples(torch.stack(list(layers.values())).sum(0))
    return LayerTraces({name: Estimate.from_samples(values) for name, values in layers.items()}, total)


def weighted_trace(
    model: nn.Module | Dequantizable,
    loss: Loss,
    batches: Batches,
    weights: Mapping[str, Tensor],
    *,
    method: TraceMethod = "auto",
    num_probes: int = 100,
    generator: torch.Generator | None = None,
) -> Estimate:
    r"""Weighted sum of the diagonal of the Hessian of the mean loss, :math:`\sum_i w_i H_{ii}`.

    With the variances of independent disturbances of the parameters as weights it is twice the rise of the loss that
    they cause, to second order. The sampled methods look at :math:`S H S` with :math:`S = \mathrm{diag}
    \sqrt{|w|}`, whose diagonal is :math:`|w_i| H_{ii}`, and give each entry the sign of its weight: a sample's
    variance is :math:`\sum_{i<j} (s_i + s_j)^2 |w_i w_j| H_{ij}^2` with the signs s, never above the
    :math:`\sum_{i<j} (w_i + w_j)^2 H_{ij}^2` of samples of H's own diagonal.

    Args:
        model: Module in evaluation mode, or a deployed network with ``dequantized()``; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets); their sizes do not matter.
        weights: By parameter name, of the parameters' shapes, finite, of any sign; parameters left out weigh 0.
        method: As for ``hessian_trace``.
        num_probes: As for ``hessian_trace``.
        generator: CPU generator of the probes; a fixed one without it.

    Returns:
        In units of the loss times the weights' over squared parameters'; standard error and ``num_samples`` as
        ``hessian_trace``.

    Raises:
        LowlandError: As ``hessian_trace``; no weights, weights that are not finite or of other names or shapes.

    Source:
        As ``hessian_trace``.
    """
    draws = generator or keyed_generator("weighted_trace")
    found = _found(model, loss, batches, weights, method, num_probes, draws)
    if isinstance(found, Curvature):
        total = sum(float((found.diagonal[name] * w.to(found.diagonal[name])).sum()) for name, w in weights.items())
        return Estimate(total, 0.0, found.num_rows)
    return Estimate.from_samples(torch.stack(list(found.values())).sum(0))


def layer_traces(found: Curvature) -> LayerTraces:
    """The exact trace layer by layer from a captured diagonal.

    Args:
        found: With the diagonal in the parameters.
    """
    sums = _by_layer({name: diagonal.sum() for name, diagonal in found.diagonal.items()})
    return LayerTraces({name: Estimate(float(value), 0.0, found.num_rows) for name, value in sums.items()}, found.trace)


def hessian_diagonal(model: nn.Module | Dequantizable, loss: Loss, batches: Batches) -> dict[str, Tensor]:
    """Exact diagonal of the Hessian of the mean loss, for networks piecewise linear in each parameter tensor.

    Args:
        model: Module in evaluation mode, or a deployed network with ``dequantized()``; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets).

    Returns:
        float64 tensors of the parameters' shapes by parameter name (NaN where the loss is not finite).

    Raises:
        LowlandError: As ``hessian_trace(..., method="exact")``.
    """
    return capture_curvature(model, loss, batches, inputs=False).diagonal


def _found(
    model: nn.Module | Dequantizable,
    loss: Loss,
    batches: Batches,
    weights: Mapping[str, Tensor] | None,
    method: TraceMethod,
    num_probes: int,
    draws: torch.Generator,
) -> Curvature | dict[str, Tensor]:
    """The exact diagonal, or samples [n] of its (weighted) sum over each parameter tensor."""
    if method not in get_args(TraceMethod):
        raise LowlandError(f"method: got {method!r}; expected 'auto', 'exact', 'hutchinson' or 'hutch++'")
    fewest = FEWEST_PROBES.get(method, 2)
    if num_probes < fewest:
        raise LowlandError(
            f"num_probes: got {num_probes}; expected at least {fewest}, or no standard error can be given"
        )
    module = differentiable(model)
    pairs = checked_batches(batches, module)
    if weights is not None:
        _check_weights(weights, trainable(module))
    if method == "exact" or (method == "auto" and obstacle_to_exactness(module, pairs) is None):
        return capture_curvature(module, loss, pairs, inputs=False)
    matrix = _Weighted(HessianProducts(module, loss, pairs), weights)
    samples = (_deflated if method == "hutch++" else _plain)(matrix, num_probes, draws)
    return dict(zip(matrix.names, samples, strict=True))


def _check_weights(weights: Mapping[str, Tensor], parameters: Mapping[str, Tensor]) -> None:
    if not weights:
        raise LowlandError("weights: got none; expected a tensor for at least one parameter, by name")
    for name, values in weights.items():
        if name not in parameters:
            raise LowlandError(
                f"weights: {name!r} is no trainable parameter of the model; expected some of {', '.join(parameters)}"
            )
        if values.shape != parameters[name].shape or not values.isfinite().all():
            raise LowlandError(
                f"weights[{name!r}]: got {'finite' if values.isfinite().all() else 'non-finite'} values of shape "
                f"{tuple(values.shape)}; expected finite ones of the parameter's shape {tuple(parameters[name].shape)}"
            )


class _Weighted:
    """S H S for a diagonal S, the roots of the weights' sizes; without weights the Hessian itself."""

    def __init__(self, product: HessianProducts, weights: Mapping[str, Tensor] | None) -> None:
        self._product = product
        self.names = list(product.shapes)
        self.size, self.like = product.size, product.like
        self._sizes = [shape.numel() for shape in product.shapes.values()]
        self._root: Tensor | None = None
        self._signs: Tensor | None = None
        if weights is not None:
            flat = torch.cat(
                [
                    weights[name].detach().to(self.like).flatten() if name in weights else self.like.new_zeros(size)
                    for name, size in zip(self.names, self._sizes, strict=True)
                ]
            )
            self._root = flat.abs().sqrt()
            self._signs = flat.sign() if bool((flat < 0).any()) else None

    def block(self, vectors: Tensor) -> Tensor:
        """Products with vectors [k, size]."""
        if self._root is None:
            return self._product.block(vectors)
        return self._product.block(vectors * self._root).mul_(self._root)

    def sums(self, left: Tensor, right: Tensor) -> Tensor:
        """Sums of left times right [k, size] over each parameter tensor, with the signs of the weights: [tensors, k].

        Tensor after tensor, so that no third block of vectors is held.
        """
        found = []
        start = 0
        for size in self._sizes:
            part = slice(start, start + size)
            terms = left[:, part] * right[:, part]
            found.append((terms if self._signs is None else terms * self._signs[part]).sum(1, dtype=torch.float64))
            start += size
        return torch.stack(found).cpu()


def _plain(matrix: _Weighted, num_probes: int, draws: torch.Generator) -> Tensor:
    """Samples [tensors, probes] of the diagonal's sums."""
    parts = []
    for count in _counts(matrix, num_probes):
        signs = _signs(matrix, count, draws)
        parts.append(matrix.sums(signs, matrix.block(signs)))
    return torch.cat(parts, 1)


def _deflated(matrix: _Weighted, num_probes: int, draws: torch.Generator) -> Tensor:
    """Samples [tensors, probes]: what touches the range of H, known, and the rest of the diagonal, sampled."""
    third = num_probes // 3
    basis = matrix.like.new_empty(min(third, matrix.size), matrix.size)
    counts = _counts(matrix, len(basis))
    for part in basis.split(counts):
        part.copy_(matrix.block(_signs(matrix, len(part), draws)))
        if not part.isfinite().all():
            return torch.full((len(matrix.names), 1), torch.nan, dtype=torch.float64)
    _make_orthonormal(basis)
    known = torch.zeros(len(matrix.names), dtype=torch.float64)
    inner = basis.new_empty(len(basis), len(basis))
    for part, columns in zip(basis.split(counts), inner.split(counts, 1), strict=True):
        moved = matrix.block(part)
        columns.copy_(basis @ moved.T)
        known += 2 * matrix.sums(part, moved).sum(1)
    for part, rows in zip(basis.split(counts), inner.split(counts), strict=True):
        known -= matrix.sums(part, rows @ basis).sum(1)
    parts = []
    for count in _counts(matrix, num_probes - 2 * third):
        signs = _signs(matrix, count, draws)
        images = matrix.block(signs - (signs @ basis.T) @ basis)
        images -= (images @ basis.T) @ basis
        parts.append(matrix.sums(signs, images))
    return known[:, None] + torch.cat(parts, 1)


def _make_orthonormal(basis: Tensor) -> None:
    """Orthonormal rows [k, size] of the same span, in place: zeros for rows that the earlier ones span."""
    noise = ROUNDING * torch.finfo(basis.dtype).eps
    for index, row in enumerate(basis):
        before = row.norm()
        for _ in range(2):
            row -= (basis[:index] @ row) @ basis[:index]
        after = row.norm()
        row *= torch.where(after > noise * before, 1 / after, torch.zeros_like(after))


def _counts(matrix: _Weighted, probes: int) -> list[int]:
    """Sizes of the blocks in which so many probes are worked on."""
    size = max(1, min(PROBES_AT_ONCE, PROBE_ELEMENTS // matrix.size))
    return [min(size, probes - start) for start in range(0, probes, size)]


def _signs(matrix: _Weighted, count: int, draws: torch.Generator) -> Tensor:
    """Random signs [count, size]."""
    signs = torch.randint(0, 2, (count, matrix.size), generator=draws, dtype=matrix.like.dtype)
    return signs.to(matrix.like).mul_(2).sub_(1)


def _by_layer(parts: dict[str, Tensor]) -> dict[str, Tensor]:
    """Sums over the parameters of each layer."""
    sums: dict[str, Tensor] = {}
    for name, part in parts.items():
        layer = name.rpartition(".")[0] or name
        sums[layer] = sums[layer] + part if layer in sums else part
    return sums
