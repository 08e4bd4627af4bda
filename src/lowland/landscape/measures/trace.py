"""Trace and diagonal of the Hessian in the parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.landscape.curvature.capture import Curvature, capture_curvature, exact_curvature, exact_traces
from lowland.landscape.curvature.products import hessian_products
from lowland.landscape.measures.hutchinson import WeightedHessian, hutch_plus_plus_samples, hutchinson_samples
from lowland.landscape.problem.model import Batches, Loss
from lowland.landscape.problem.problem import Model, Problem, problem_of
from lowland.measurements import Measurement
from lowland.randomness import generator as keyed_generator

TraceMethod = Literal["auto", "exact", "hutchinson", "hutch++"]

FEWEST_PROBES = {"hutchinson": 2, "hutch++": 6}  # two independent samples, or no standard error can be given


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
    model: Model,
    loss: Loss | None = None,
    batches: Batches | None = None,
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
    for the parameter tensors in which the network is piecewise linear, found by a probe, and Hutchinson for the others
    (those before a smooth function, of recurrent layers, used in two layers). Of the probes up to four are held at a
    time, of ``hutch++`` the basis as well: a third of ``num_probes`` vectors.

    Args:
        model: Module in evaluation mode, deployed network with ``dequantized()``, or ``Problem``; left as it came.
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
    model: Model,
    loss: Loss | None = None,
    batches: Batches | None = None,
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
        model: Module in evaluation mode, deployed network with ``dequantized()``, or ``Problem``; left as it came.
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
    problem = problem_of(model, loss, batches)
    layers: dict[str, list[str]] = {}
    for name in problem.parameters:
        layers.setdefault(name.rpartition(".")[0] or name, []).append(name)
    if method in ("auto", "exact") and problem.obstacle is None and not problem.kept("exact curvature"):
        check_probes(method, num_probes)
        return _from_norms(problem, layers)
    sums = _diagonal_sums(problem, None, method, num_probes, generator or keyed_generator("hessian_trace"))
    return LayerTraces({layer: sums.over(names) for layer, names in layers.items()}, sums.over(problem.parameters))


def _from_norms(problem: Problem, layers: Mapping[str, Sequence[str]]) -> LayerTraces:
    """The exact traces by layer, without the diagonal."""
    parts, rows = exact_traces(problem), problem.num_rows
    sums = {layer: sum(parts.get(key, 0.0) for key in {layer, *names}) for layer, names in layers.items()}
    total = Estimate(sum(parts.values()), 0.0, rows)
    return LayerTraces({layer: Estimate(value, 0.0, rows) for layer, value in sums.items()}, total)


def weighted_trace(
    model: Model,
    loss: Loss | None = None,
    batches: Batches | None = None,
    weights: Mapping[str, Tensor] | None = None,
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
        model: Module in evaluation mode, deployed network with ``dequantized()``, or ``Problem``; left as it came.
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
    problem = problem_of(model, loss, batches)
    weights = weights or {}
    _check_weights(weights, problem.parameters)
    draws = generator or keyed_generator("weighted_trace")
    return _diagonal_sums(problem, weights, method, num_probes, draws).over(problem.parameters)


def hessian_diagonal(model: Model, loss: Loss | None = None, batches: Batches | None = None) -> dict[str, Tensor]:
    """Exact diagonal of the Hessian of the mean loss, for networks piecewise linear in each parameter tensor.

    Args:
        model: Module in evaluation mode, deployed network with ``dequantized()``, or ``Problem``; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets).

    Returns:
        float64 tensors of the parameters' shapes by parameter name (NaN where the loss is not finite).

    Raises:
        LowlandError: As ``hessian_trace(..., method="exact")``.
    """
    return _required_exact(problem_of(model, loss, batches)).diagonal


@dataclass(frozen=True)
class _Sums:
    """Sums of the (weighted) diagonal over each parameter tensor.

    Attributes:
        known: By parameter name, exact.
        samples: By parameter name, [n] independent samples of the others, n the same for all.
        num_rows: Rows that the loss is averaged over.
    """

    known: dict[str, float]
    samples: dict[str, Tensor]
    num_rows: int

    def over(self, names: Iterable[str]) -> Estimate:
        """Their sum over some parameters: exact where all of them are, else with the error of what was sampled."""
        total = sum(self.known.get(name, 0.0) for name in names)
        sampled = [self.samples[name] for name in names if name in self.samples]
        if not sampled:
            return Estimate(total, 0.0, self.num_rows)
        return Estimate.from_samples(torch.stack(sampled).sum(0) + total)


def _diagonal_sums(
    problem: Problem,
    weights: Mapping[str, Tensor] | None,
    method: TraceMethod,
    num_probes: int,
    draws: torch.Generator,
) -> _Sums:
    """Exact where asked for or possible, sampled for the rest."""
    check_probes(method, num_probes)
    known: dict[str, float] = {}
    sampled = {name: p.detach().new_ones(p.shape) for name, p in problem.parameters.items()}
    if weights is not None:
        sampled = dict(weights)
    if method in ("auto", "exact"):
        bent = problem.bends if method == "auto" else {}
        diagonal = _required_exact(problem).diagonal if method == "exact" else _exact_part(problem)
        for name, values in diagonal.items():
            own = values if weights is None else values * weights[name].to(values) if name in weights else values[:0]
            known[name] = float(own.sum())
        sampled = {name: values for name, values in sampled.items() if name in bent}
    if not sampled:
        return _Sums(known, {}, problem.num_rows)
    everything = weights is None and not known
    matrix = WeightedHessian(hessian_products(problem), None if everything else sampled)
    sampler = hutch_plus_plus_samples if method == "hutch++" else hutchinson_samples
    samples = dict(zip(matrix.names, sampler(matrix, num_probes, draws), strict=True))
    return _Sums(known, {name: samples[name] for name in sampled}, problem.num_rows)


def _exact_part(problem: Problem) -> dict[str, Tensor]:
    """The diagonal in the parameters in which it is exact."""
    return exact_curvature(problem).diagonal if len(problem.bends) < len(problem.parameters) else {}


def _required_exact(problem: Problem) -> Curvature:
    """The shared capture of a network that is piecewise linear in all parameters."""
    return exact_curvature(problem) if problem.obstacle is None else capture_curvature(problem, inputs=False)


def check_probes(method: TraceMethod, num_probes: int) -> None:
    """Refuses an unknown method, and fewer probes than it takes for a standard error."""
    if method not in get_args(TraceMethod):
        raise LowlandError(f"method: got {method!r}; expected 'auto', 'exact', 'hutchinson' or 'hutch++'")
    fewest = FEWEST_PROBES.get(method, 2)
    if num_probes < fewest:
        raise LowlandError(
            f"num_probes: got {num_probes}; expected at least {fewest}, or no standard error can be given"
        )


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
