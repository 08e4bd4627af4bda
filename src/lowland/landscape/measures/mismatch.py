"""Margin-aware matched curvature: the share of rows that a disturbance is predicted to decide otherwise.

A decision is the highest output. To first order a disturbance changes the margin m between the two highest outputs of
a row by the derivative of m; where that exceeds the margin, the decision changes. Third outputs that overtake both are
not counted. First derivatives are all it takes, row by row: any network will do, recurrent and smooth ones too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import torch
from torch import Tensor, nn

from lowland.estimate import Estimate
from lowland.landscape.curvature.row_gradients import RowPlan, coloured, stray_gradients
from lowland.landscape.curvature.row_tape import RowTape
from lowland.landscape.measures.matched import (
    TARGETS,
    CodedNetwork,
    network_of,
    noise_factor,
    squared_steps,
    weight_changes,
)
from lowland.landscape.problem.model import Batch, Batches, trainable
from lowland.landscape.problem.problem import Model, Problem, problem_of


def noise_mismatch_curvature(model: Model, batches: Batches | None = None, *, covariance: Tensor) -> Estimate:
    r"""Predicted share of rows that Gaussian noise on the inputs decides otherwise.

    :math:`E_x \Phi(-m / \sigma_m)` with :math:`\sigma_m^2 = \nabla_x m^T \Sigma \nabla_x m`: exact where the network is
    linear around the row.

    Args:
        model: Module in evaluation mode, deployed network with ``dequantized()``, or ``Problem``; left as it came.
        batches: Sequence of (inputs, targets), floating-point inputs; the targets are not looked at.
        covariance: Variances of the noise, one per input feature (the inputs' shape without rows), or the full
            [features, features] matrix, in squared input units.

    Returns:
        Share in [0, 1/2], with standard error over rows; ``undefined`` where rows have no two outputs to decide
        between, ``non_finite`` where an output or derivative is not finite.

    Raises:
        LowlandError: A covariance of another shape or not positive semidefinite, training mode, unusable batches.
    """
    problem = problem_of(model, None, batches)
    problem.require_differentiable_inputs()
    factor = noise_factor(covariance, problem.batches[0][0].shape[1:])

    def share(_plan: RowPlan, tape: RowTape, margin: Tensor, direction: Tensor) -> Tensor:
        (slope,) = tape.pulled_back(direction)
        return _gaussian_share(margin, coloured(slope, factor).double().square().sum((1, 2)))

    return _over_rows(problem, {}, share, inputs=True)


def rounding_mismatch_curvature(integer_network: CodedNetwork | Problem, batches: Batches | None = None) -> Estimate:
    r"""Predicted share of rows that rounding every weight and bias to its grid decides otherwise.

    :math:`E_x \Phi(-m / \sigma_m)` with :math:`\sigma_m^2 = \sum_i (\partial m / \partial \theta_i)^2 \Delta_i^2 / 12`
    and the step size :math:`\Delta_i`: many independent errors, uniform over one step each.

    Args:
        integer_network: Network with ``codes``, ``scales`` and ``dequantized()``, or a ``Problem`` of one.
        batches: Sequence of (inputs, targets); the targets are not looked at.

    Returns:
        Share in [0, 1/2], with standard error over rows; ``undefined`` where rows have no two outputs to decide
        between, ``non_finite`` where an output or derivative is not finite.

    Raises:
        LowlandError: Unusable batches.
    """
    variances = {name: squares / 12 for name, squares in squared_steps(network_of(integer_network)).items()}
    problem = problem_of(integer_network, None, batches)

    def share(plan: RowPlan, tape: RowTape, margin: Tensor, direction: Tensor) -> Tensor:
        variance = torch.zeros_like(margin)
        for call, cotangents in zip(tape.calls, tape.pulled_back(direction), strict=True):
            variance += call.square_norms(cotangents[:, 0], variances)
        for part, slopes in stray_gradients(problem.whole, plan.strays, tape.leaf, direction):
            for name, gradient in slopes.items():
                variance[part] += gradient.flatten(1).double().square() @ variances[name].flatten()
        return _gaussian_share(margin, variance)

    return _over_rows(problem, _among(problem, variances), share)


def flip_mismatch_curvature(
    integer_network: CodedNetwork | Problem,
    batches: Batches | None = None,
    *,
    encoding: str = "twos_complement",
    targets: Sequence[str] = TARGETS,
) -> Estimate:
    r"""Predicted share of rows that one random bit flip in the stored codes decides otherwise.

    :math:`E_x \frac{1}{F} \sum_f [m + \delta_f \, \partial m / \partial \theta_{i(f)} < 0]` over all F single-bit flips
    of the targeted codes, :math:`\delta` being the weight change of that flip: counted flip by flip, row by row.

    Args:
        integer_network: Network with ``codes``, ``scales``, ``bits`` and ``dequantized()``, or a ``Problem`` of one.
        batches: Sequence of (inputs, targets); the targets are not looked at.
        encoding: Key of ``lowland.coding.encodings.ENCODINGS``.
        targets: ``weights`` and / or ``biases``.

    Returns:
        Share in [0, 1], with standard error over rows; ``undefined`` where rows have no two outputs to decide between,
        ``non_finite`` where an output or derivative is not finite.

    Raises:
        LowlandError: Unknown encoding or target, a code that its width cannot hold, unusable batches.
    """
    changes = dict(weight_changes(network_of(integer_network), encoding, targets))
    flips = sum(change.numel() for change in changes.values())
    problem = problem_of(integer_network, None, batches)

    def share(plan: RowPlan, tape: RowTape, margin: Tensor, direction: Tensor) -> Tensor:
        count = torch.zeros_like(margin)
        for call, cotangents in zip(tape.calls, tape.pulled_back(direction), strict=True):
            for part, slopes in call.gradients(cotangents):
                for name in slopes.keys() & changes.keys():
                    count[part] += _changed(slopes[name].flatten(1), margin[part], changes[name])
        for part, slopes in stray_gradients(problem.whole, plan.strays, tape.leaf, direction):
            for name, gradient in slopes.items():
                count[part] += _changed(gradient.flatten(1), margin[part], changes[name])
        return torch.where(margin.isfinite(), count / flips, torch.nan)

    return _over_rows(problem, _among(problem, changes), share)


def _among(problem: Problem, names: Collection[str]) -> dict[str, nn.Parameter]:
    """The trainable parameters of these names."""
    return {name: p for name, p in trainable(problem.whole).items() if name in names}


def _decision(
    problem: Problem, plan: RowPlan, rows: Tensor, *, inputs: bool = False
) -> tuple[RowTape, Tensor, Tensor] | None:
    """The recorded pass of some rows, each row's margin [rows] (float64) and its direction [rows, 1, outputs].

    ``None`` where rows have no two outputs of one kind to decide between.
    """
    tape = RowTape(problem.whole, rows, layers=plan.layers, inputs=inputs)
    outputs = tape.outputs.detach()
    if outputs.ndim != 2 or outputs.shape[1] < 2 or problem.has_several_outputs:
        return None
    best = outputs.argmax(1, keepdim=True)  # equal outputs: the lower index wins, as in the deployed network
    others = outputs.scatter(1, best, -torch.inf)
    second = others.argmax(1, keepdim=True)
    direction = torch.zeros_like(outputs).scatter_(1, best, 1.0).scatter_(1, second, -1.0)
    margin = (outputs.gather(1, best) - outputs.gather(1, second)).double().squeeze(1)
    return tape, margin.where(outputs.isfinite().all(1), torch.nan), direction[:, None]


def _gaussian_share(margin: Tensor, variance: Tensor) -> Tensor:
    """Probability that a Gaussian change of the margin exceeds it; 0 where nothing changes."""
    share = torch.special.ndtr(-margin / variance.sqrt())
    return share.where((variance > 0) | ~margin.isfinite() | ~variance.isfinite(), 0.0)


def _changed(gradient: Tensor, margin: Tensor, changes: Tensor) -> Tensor:
    """How many flips of one tensor change each row's decision: gradient [rows, elements], changes [*shape, bits]."""
    count = torch.zeros_like(margin)
    reach = gradient.abs().amax(1).double()
    for change in changes.flatten(0, -2).to(gradient).T.contiguous():
        near = (reach * change.abs().max() > margin).nonzero().squeeze(1)  # few rows are within a low bit's reach
        if len(near) == len(margin):
            count += (gradient * change < -margin.to(gradient)[:, None]).sum(1)
        elif len(near):
            count[near] += (gradient[near] * change < -margin[near, None].to(gradient)).sum(1)
    return count.where(reach.isfinite(), torch.nan)


def _over_rows(
    problem: Problem,
    parameters: dict[str, nn.Parameter],
    share: Callable[[RowPlan, RowTape, Tensor, Tensor], Tensor],
    *,
    inputs: bool = False,
) -> Estimate:
    """Mean over all rows of what is computed of the decisions of some; ``undefined`` where nothing is decided."""
    plan = RowPlan.of(problem.whole, parameters, problem.batches)

    def of_chunk(own: RowPlan, batch: Batch) -> Tensor | None:
        decision = _decision(problem, own, batch[0], inputs=inputs)
        return None if decision is None else share(own, *decision)

    shares = list(plan.by_chunks(problem.batches, of_chunk))
    known = [values for values in shares if values is not None]
    return Estimate.from_samples(torch.cat(known)) if len(known) == len(shares) else Estimate.missing("undefined")
