"""Matched curvature: curvature in the metric of the disturbance that a deployed network will meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from lowland.coding.encodings import encoding_of
from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.landscape.curvature.capture import captured
from lowland.landscape.measures.gradient import mean_gradient
from lowland.landscape.measures.trace import weighted_trace
from lowland.landscape.problem.model import Batches, Dequantizable, Loss
from lowland.landscape.problem.problem import Model, Problem, problem_of
from lowland.randomness import generator as keyed_generator

_TARGET_OF = {"weight": "weights", "bias": "biases"}
TARGETS = tuple(_TARGET_OF.values())


@runtime_checkable
class CodedNetwork(Dequantizable, Protocol):
    """A deployed network: integer codes, step sizes and two's complement widths by tensor name."""

    @property
    def codes(self) -> Mapping[str, Tensor]:
        """Integers by tensor name; weights and biases have the names of the twin's parameters."""
        ...

    @property
    def scales(self) -> Mapping[str, Tensor]:
        """Step sizes, scalar or one per output channel: value = code times scale."""
        ...

    @property
    def bits(self) -> Mapping[str, int]:
        """Widths in bits."""
        ...


def flip_curvature(
    integer_network: CodedNetwork | Problem,
    loss: Loss | None = None,
    batches: Batches | None = None,
    *,
    encoding: str = "twos_complement",
    targets: Sequence[str] = TARGETS,
    num_probes: int = 100,
    generator: torch.Generator | None = None,
) -> Estimate:
    r"""Predicted rise of the mean loss by one random bit flip in the stored codes.

    :math:`\frac{1}{F} \sum_{f} g_{i(f)} \delta_f + \tfrac12 H_{ii} \delta_f^2` over all F single-bit flips of the
    targeted codes, :math:`\delta` being the weight change of that flip: step size times signed change of the code.
    Exact where the twin is piecewise linear in each parameter tensor; elsewhere (recurrent layers, smooth activations)
    the first order is exact and the second is sampled with random probes, see ``weighted_trace``.

    Args:
        integer_network: Network with ``codes``, ``scales``, ``bits`` and ``dequantized()``, or a ``Problem`` of one.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets).
        encoding: Key of ``lowland.coding.encodings.ENCODINGS``.
        targets: ``weights`` and / or ``biases``.
        num_probes: Hessian products where the second order is sampled, at least 2.
        generator: CPU generator of the probes; a fixed one without it.

    Returns:
        Nats (the loss's unit) per flip, over all flips: exact on these rows, or with a standard error over probes (then
        these are counted by ``num_samples``); status ``non_finite`` where the loss is not finite.

    Raises:
        LowlandError: Unknown encoding or target, a code that its width cannot hold, too few probes, unusable batches.
    """
    changes = dict(weight_changes(network_of(integer_network), encoding, targets))
    problem = problem_of(integer_network, loss, batches)
    flips = sum(change.numel() for change in changes.values())
    weights = {name: change.square().sum(-1) / (2 * flips) for name, change in changes.items()}
    draws = generator or keyed_generator("flip_curvature")
    second = weighted_trace(problem, weights=weights, num_probes=num_probes, generator=draws)
    slope = mean_gradient(problem)
    first = sum(float((slope[name][..., None] * change).sum()) for name, change in changes.items()) / flips
    return Estimate(first + second.value, second.standard_error, second.num_samples, second.status)


def mean_squared_flip(
    integer_network: CodedNetwork | Problem, *, encoding: str = "twos_complement", targets: Sequence[str] = TARGETS
) -> Estimate:
    r"""Mean squared weight change of one random bit flip: the baseline of ``flip_curvature`` without any curvature.

    :math:`\frac{1}{F} \sum_f \delta_f^2`.

    Args:
        integer_network: Network with ``codes``, ``scales`` and ``bits``, or a ``Problem`` of one.
        encoding: Key of ``lowland.coding.encodings.ENCODINGS``.
        targets: ``weights`` and / or ``biases``.

    Returns:
        Squared weight units, exact over all flips (their number is ``num_samples``).

    Raises:
        LowlandError: Unknown encoding or target, or a code that its width cannot hold.
    """
    changes = [change for _, change in weight_changes(network_of(integer_network), encoding, targets)]
    flips = sum(c.numel() for c in changes)
    return Estimate(sum(float(c.square().sum()) for c in changes) / flips, 0.0, flips)


def rounding_curvature(
    integer_network: CodedNetwork | Problem,
    loss: Loss | None = None,
    batches: Batches | None = None,
    *,
    num_probes: int = 100,
    generator: torch.Generator | None = None,
) -> Estimate:
    r"""Predicted rise of the mean loss by rounding every weight and bias to its grid.

    :math:`\tfrac12 \sum_i H_{ii} \Delta_i^2 / 12` with the step size :math:`\Delta_i`: the errors are taken as
    independent and uniform over one step. Exact where the twin is piecewise linear in each parameter tensor, sampled
    elsewhere.

    Args:
        integer_network: Network with ``codes``, ``scales`` and ``dequantized()``, or a ``Problem`` of one.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets).
        num_probes: Hessian products where it is sampled, at least 2.
        generator: CPU generator of the probes; a fixed one without it.

    Returns:
        In the loss's unit: exact on these rows, or with a standard error over probes; status ``non_finite`` where the
        loss is not finite.

    Raises:
        LowlandError: Too few probes or unusable batches.
    """
    weights = {name: squares / 24 for name, squares in squared_steps(network_of(integer_network)).items()}
    draws = generator or keyed_generator("rounding_curvature")
    problem = problem_of(integer_network, loss, batches)
    return weighted_trace(problem, weights=weights, num_probes=num_probes, generator=draws)


def input_curvature(
    model: Model, loss: Loss | None = None, batches: Batches | None = None, *, covariance: Tensor
) -> Estimate:
    r"""Predicted rise of the mean loss under Gaussian noise on the inputs.

    :math:`\tfrac12 E_x \mathrm{tr}(\Sigma J^T H_L J)` with the Jacobian J of the outputs in the inputs and the loss's
    Hessian :math:`H_L` in the outputs: the Gauss-Newton part of the curvature in the inputs. For networks that are
    piecewise linear in their inputs it is all of it; for others (recurrent layers, smooth activations) the part
    :math:`\sum_c g_c \nabla_x^2 z_c` is left out, which vanishes with the gradient g of the loss in the outputs.

    Args:
        model: Module in evaluation mode, deployed network with ``dequantized()``, or ``Problem``; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets); floating-point inputs.
        covariance: Variances of the noise, one per input feature (the inputs' shape without rows), or the full
            [features, features] matrix (features counted along the flattened inputs), in squared input units.

    Returns:
        In the loss's unit, with standard error over rows; status ``non_finite`` where the loss is not finite.

    Raises:
        LowlandError: A covariance of another shape or not positive semidefinite, training mode, unusable batches.
    """
    problem = problem_of(model, loss, batches)
    problem.require_differentiable_inputs()
    shape = problem.batches[0][0].shape[1:]
    factor = noise_factor(covariance, shape)
    if covariance.shape == shape:
        curvature = problem.kept("exact curvature with inputs") or captured(problem, {}, inputs=True)
        rows = curvature.input_diagonal.double() * covariance.to(curvature.input_diagonal).double()
    else:
        rows = captured(problem, {}, inputs=True, input_factor=factor).input_diagonal.double()
    return Estimate.from_samples(rows.flatten(1).sum(1) / 2)


def noise_factor(covariance: Tensor, shape: torch.Size) -> Tensor:
    r"""L with :math:`L L^T = \Sigma`, float64: [features, directions], or [features], the diagonal, of variances.

    Args:
        covariance: Of the inputs' shape, or [features, features].
        shape: Of one row of inputs.

    Raises:
        LowlandError: Another shape, non-finite entries, negative variances or eigenvalues, or no symmetry.
    """
    size = shape.numel()
    values = covariance.detach().double()
    if values.shape not in (shape, (size, size)):
        raise LowlandError(
            f"covariance: got shape {tuple(values.shape)}; expected {tuple(shape)}, one variance per feature, or "
            f"{(size, size)}, the full matrix"
        )
    if values.shape == shape:
        if not bool((values >= 0).all() and values.isfinite().all()):
            raise LowlandError("covariance: got negative or non-finite variances; expected finite numbers, at least 0")
        return values.flatten().sqrt()
    if not values.isfinite().all() or not torch.allclose(values, values.T, atol=1e-6 * float(values.abs().max())):
        raise LowlandError("covariance: got a matrix that is not symmetric or not finite; expected a covariance matrix")
    strengths, axes = torch.linalg.eigh(values)
    if strengths[0] < -1e-6 * strengths[-1].abs():
        raise LowlandError(
            f"covariance: its lowest eigenvalue is {float(strengths[0]):.2g}; expected none below 0: a covariance "
            "matrix is positive semidefinite"
        )
    return axes * strengths.clamp_min(0).sqrt()


def weight_changes(network: CodedNetwork, encoding: str, targets: Sequence[str]) -> list[tuple[str, Tensor]]:
    """Name and weight changes [*shape, bits] (float64) by every single bit flip of every targeted tensor.

    Raises:
        LowlandError: Unknown encoding or target, or a code that its width cannot hold.
    """
    words = encoding_of(encoding)
    unknown = sorted(set(targets) - set(TARGETS))
    if unknown or not targets:
        raise LowlandError(f"targets: got {', '.join(unknown) or 'none'}; expected some of {', '.join(TARGETS)}")
    codes, scales, bits = network.codes, network.scales, network.bits
    found = []
    for name, tensor in codes.items():
        if _target(name) not in targets:
            continue
        words.check(tensor, bits[name], name=name)
        changes = words.changes(tensor, bits[name])
        found.append((name, changes * step_sizes(scales[name], tensor)[..., None]))
    if not found:
        raise LowlandError(f"targets: the network stores no {' or '.join(targets)}; expected at least one such tensor")
    return found


def squared_steps(network: CodedNetwork) -> dict[str, Tensor]:
    """Squared step size of every code of a weight or bias by tensor name, of the codes' shapes (float64)."""
    codes, scales = network.codes, network.scales
    names = [name for name in codes if _target(name) in TARGETS]
    return {name: step_sizes(scales[name], codes[name]).square().expand(codes[name].shape) for name in names}


def _target(name: str) -> str | None:
    """What a stored tensor is by the last part of its name; ``None`` for entries of tables: they have no derivative."""
    return _TARGET_OF.get(name.rpartition(".")[2].partition("_")[0])  # torch's LSTM has a weight_ih_l0


def network_of(integer_network: CodedNetwork | Problem) -> CodedNetwork:
    """The deployed network itself, or that of a problem.

    Raises:
        TypeError: A problem of a network without codes.
    """
    network = integer_network.network if isinstance(integer_network, Problem) else integer_network
    if not isinstance(network, CodedNetwork):
        raise TypeError(f"got a {type(network).__name__}; expected a deployed network with codes, scales and bits")
    return network


def step_sizes(scale: Tensor, codes: Tensor) -> Tensor:
    """Step sizes in float64, shaped to multiply the codes: scalar, or one per output channel."""
    step = scale.detach().double()
    return step.reshape(-1, *[1] * (codes.ndim - 1)) if step.ndim == 1 and step.numel() == len(codes) else step
