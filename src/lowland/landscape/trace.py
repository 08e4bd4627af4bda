"""Trace and diagonal of the Hessian in the parameters."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.landscape.curvature import capture_curvature
from lowland.landscape.linearity import obstacle_to_exactness
from lowland.landscape.products import HessianProducts
from lowland.landscape.subject import Batches, Dequantizable, Loss, checked_batches, differentiable
from lowland.randomness import generator as keyed_generator

TraceMethod = Literal["auto", "exact", "hutchinson"]


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
    ``hutchinson`` averages :math:`v^T H v` over random signs v. ``auto`` is exact where the network is piecewise linear
    in each parameter tensor, found by a probe, and Hutchinson elsewhere.

    Args:
        model: Module in evaluation mode, or a deployed network with ``dequantized()``; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets); their sizes do not matter.
        method: ``auto``, ``exact`` or ``hutchinson``.
        num_probes: Probes of Hutchinson's estimator, at least 2.
        generator: CPU generator of the probes; a fixed one without it.

    Returns:
        Trace in units of the loss; standard error 0 if exact, over probes otherwise. Status ``non_finite`` where the
        loss is.

    Raises:
        LowlandError: Unknown method, too few probes, ``exact`` on a network that is not piecewise linear, training
            mode, unusable batches or parameters without gradient.

    Source:
        Exact: Martens, JMLR 21 (2020), section 8. Hutchinson, Communications in Statistics 18 (1989) 1059.
    """
    if method not in ("auto", "exact", "hutchinson"):
        raise LowlandError(f"method: got {method!r}; expected 'auto', 'exact' or 'hutchinson'")
    if num_probes < 2:
        raise LowlandError(f"num_probes: got {num_probes}; expected at least 2, or no standard error can be given")
    module = differentiable(model)
    pairs = checked_batches(batches, module)
    if method == "exact" or (method == "auto" and obstacle_to_exactness(module, pairs[0][0]) is None):
        return capture_curvature(module, loss, pairs, inputs=False).trace
    return _hutchinson(HessianProducts(module, loss, pairs), num_probes, generator or keyed_generator("hessian_trace"))


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


def _hutchinson(product: HessianProducts, num_probes: int, generator: torch.Generator) -> Estimate:
    """Mean of vᵀHv over random signs."""
    samples = torch.empty(num_probes, dtype=torch.float64)
    for index in range(num_probes):
        signs = torch.randint(0, 2, (product.size,), generator=generator).to(product.like).mul_(2).sub_(1)
        samples[index] = torch.dot(signs, product(signs)).double()
    return Estimate.from_samples(samples)
