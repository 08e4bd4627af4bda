"""Trace and diagonal of the Hessian in the parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.landscape.curvature import Curvature, capture_curvature
from lowland.landscape.linearity import obstacle_to_exactness
from lowland.landscape.products import HessianProducts
from lowland.landscape.subject import Batches, Dequantizable, Loss, checked_batches, differentiable
from lowland.measurements import Measurement
from lowland.randomness import generator as keyed_generator

TraceMethod = Literal["auto", "exact", "hutchinson", "hutch++"]

FEWEST_PROBES = {"hutchinson": 2, "hutch++": 6}  # two independent samples, or no standard error can be given
PROBES_AT_ONCE = 16


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
    where the network is piecewise linear in each parameter tensor, found by a probe, and Hutchinson elsewhere.

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
            mode, unusable batches or parameters without gradient.

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
    if method not in get_args(TraceMethod):
        raise LowlandError(f"method: got {method!r}; expected 'auto', 'exact', 'hutchinson' or 'hutch++'")
    fewest = FEWEST_PROBES.get(method, 2)
    if num_probes < fewest:
        raise LowlandError(
            f"num_probes: got {num_probes}; expected at least {fewest}, or no standard error can be given"
        )
    module = differentiable(model)
    pairs = checked_batches(batches, module)
    if method == "exact" or (method == "auto" and obstacle_to_exactness(module, pairs[0][0]) is None):
        return layer_traces(capture_curvature(module, loss, pairs, inputs=False))
    product = HessianProducts(module, loss, pairs)
    draws = generator or keyed_generator("hessian_trace")
    known, samples = (_deflated if method == "hutch++" else _plain)(product, num_probes, draws)
    sizes = [shape.numel() for shape in product.shapes.values()]
    parts = [part.sum(1) for part in (known[None] + samples).split(sizes, 1)]
    layers = _by_layer(dict(zip(product.shapes, parts, strict=True)))
    total = Estimate.from_samples(torch.stack(list(layers.values())).sum(0))
    return LayerTraces({name: Estimate.from_samples(values) for name, values in layers.items()}, total)


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


def _plain(product: HessianProducts, num_probes: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """Nothing known, and samples [probes, size] of the diagonal."""
    parts = []
    for start in range(0, num_probes, PROBES_AT_ONCE):
        signs = _signs(product, min(PROBES_AT_ONCE, num_probes - start), draws)
        parts.append(signs.double() * product.block(signs).double())
    return torch.zeros(product.size, dtype=torch.float64), torch.cat(parts)


def _deflated(product: HessianProducts, num_probes: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """The diagonal [size] of what touches the range of H, and samples [probes, size] of the rest's."""
    third = num_probes // 3
    images = product.block(_signs(product, min(third, product.size), draws))
    if not images.isfinite().all():
        unknown = torch.full((product.size,), torch.nan, dtype=torch.float64)
        return unknown, unknown[None]
    basis = torch.linalg.qr(images.T.double())[0].T
    moved = product.block(basis.to(product.like)).double()
    inner = basis @ moved.T
    known = 2 * (basis * moved).sum(0) - (basis * (inner @ basis)).sum(0)
    signs = _signs(product, num_probes - 2 * third, draws).double()
    outside = signs - (signs @ basis.T) @ basis
    images = product.block(outside.to(product.like)).double()
    images -= (images @ basis.T) @ basis
    return known, signs * images


def _signs(product: HessianProducts, count: int, draws: torch.Generator) -> Tensor:
    """Random signs [count, size]."""
    signs = torch.randint(0, 2, (count, product.size), generator=draws)
    return signs.to(product.like).mul_(2).sub_(1)


def _by_layer(parts: dict[str, Tensor]) -> dict[str, Tensor]:
    """Sums over the parameters of each layer."""
    sums: dict[str, Tensor] = {}
    for name, part in parts.items():
        layer = name.rpartition(".")[0] or name
        sums[layer] = sums[layer] + part if layer in sums else part
    return sums
