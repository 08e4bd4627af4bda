"""Directions through parameter space along which losses are looked at."""

from __future__ import annotations

import re
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.estimate import Status
from lowland.landscape.measures.eigenvalues import hessian_eigenvalues
from lowland.landscape.problem.model import Batches, Loss, trainable
from lowland.landscape.problem.problem import Model, module_of
from lowland.randomness import generator as keyed_generator

Direction = dict[str, Tensor]
"""A change of the parameters: tensors of their shapes by parameter name; what is missing does not move."""

WEIGHT = re.compile(r"(\w+_)?weight(_(ih|hh|hr)\w*)?")  # as layers name their weights; quantizers call scales otherwise
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
NORMALISATIONS = (nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.modules.batchnorm._NormBase)


class Directions(list[Direction]):
    """Several directions, and whether they are what they are called.

    Args:
        directions: In their order.
        status: Of all of them.

    Attributes:
        status: ``not_converged`` or ``non_finite`` for eigenvectors that are not to be trusted, else ``ok``.
    """

    def __init__(self, directions: Iterable[Direction], status: Status = "ok") -> None:
        super().__init__(directions)
        self.status: Status = status


def filter_normalised_directions(
    model: Model, *, count: int = 2, generator: torch.Generator | None = None
) -> Directions:
    r"""Gaussian directions whose every filter is as long as the model's.

    :math:`d_{ij} \leftarrow \frac{\|\theta_{ij}\|}{\|d_{ij}\|} d_{ij}` for filter j of layer i: what makes one output
    of a linear layer or one channel of a convolution. A step of 1 then changes every filter by its own length, so that
    layers rescaled by :math:`\alpha` and :math:`1/\alpha` show the same surface. What moves are weights: parameters of
    two or more dimensions that their layer calls so (``weight``, ``weight_ih_l0``). Biases, normalisations, the scales
    of quantizers and parameters of other names do not. Two such directions are almost orthogonal; they are not made
    exactly so, which would spoil their lengths.

    Args:
        model: Module in evaluation mode, deployed network with ``dequantized()``, or ``Problem``; left as it came.
        count: How many, at least 1.
        generator: CPU generator; a fixed one without it.

    Returns:
        ``count`` directions over the trainable parameters, zero for those that do not move.

    Raises:
        LowlandError: ``count`` below 1, training mode, no trainable parameter, or no weight among them.

    Source:
        Li et al., "Visualizing the loss landscape of neural nets", NeurIPS 2018, section 4; biases and batch-norm at
        rest as in their code's ``ignore=biasbn``.
    """
    if count < 1:
        raise LowlandError(f"count: got {count}; expected at least 1 direction")
    module = module_of(model)
    parameters = trainable(module)
    groups = _weights(module)
    if not any(id(p) in groups for p in parameters.values()):
        raise LowlandError(
            "model: no trainable parameter is a weight of two dimensions; expected those of linear, convolutional or "
            "recurrent layers"
        )
    draws = generator or keyed_generator("filter_normalised_directions")
    return Directions(
        {
            name: _like_filters(p.detach(), groups[id(p)], draws) if id(p) in groups else torch.zeros_like(p.detach())
            for name, p in parameters.items()
        }
        for _ in range(count)
    )


def hessian_directions(
    model: Model,
    loss: Loss | None = None,
    batches: Batches | None = None,
    *,
    count: int = 2,
    tolerance: float = 1e-3,
    generator: torch.Generator | None = None,
) -> Directions:
    """Unit eigenvectors of the Hessian of the mean loss, the largest eigenvalue first.

    Their sign is free; it is chosen so that the entry with the largest magnitude is positive. Where the tolerance is
    not met they are the best found, and their status says so; ``hessian_eigenvalues`` tells the residuals.

    Args:
        model: Module in evaluation mode, deployed network with ``dequantized()``, or ``Problem``; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets).
        count: How many, 1 to the number of parameters.
        tolerance: Relative error of the eigenvalues.
        generator: CPU generator of the starting vectors; a fixed one without it.

    Returns:
        ``count`` directions over the trainable parameters, orthonormal, with status ``not_converged`` where the
        tolerance was missed; NaN with status ``non_finite`` where the Hessian is not finite.

    Raises:
        LowlandError: As ``hessian_eigenvalues``.

    Source:
        Yao et al., "PyHessian", IEEE BigData 2020, section IV.
    """
    found = hessian_eigenvalues(
        model, loss, batches, count=count, tolerance=tolerance, with_vectors=True, generator=generator
    )
    vectors = found.vectors
    assert vectors is not None  # asked for
    status: Status = "ok" if found.converged else "not_converged"
    return Directions(
        (_upright({name: vector[index] for name, vector in vectors.items()}) for index in range(count)),
        status if bool(found.values.isfinite().all()) else "non_finite",
    )


def plane(
    kind: str,
    model: Model,
    loss: Loss | None = None,
    batches: Batches | None = None,
    *,
    generator: torch.Generator | None = None,
) -> Directions:
    """Two directions of a kind, for ``loss_surface``.

    Args:
        kind: ``filter_normalised`` or ``hessian``.
        model: Module in evaluation mode, deployed network with ``dequantized()``, or ``Problem``; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows; for ``hessian``.
        batches: Sequence of (inputs, targets); for ``hessian``.
        generator: CPU generator; a fixed one without it.

    Raises:
        LowlandError: Unknown kind, and as the functions of these kinds.
    """
    if kind == "filter_normalised":
        return filter_normalised_directions(model, generator=generator)
    if kind == "hessian":
        return hessian_directions(model, loss, batches, generator=generator)
    raise LowlandError(f"kind: got {kind!r}; expected 'filter_normalised' or 'hessian'")


def checked_direction(direction: Direction, parameters: dict[str, Tensor], name: str) -> Direction:
    """The direction in the parameters' types and on their device.

    Raises:
        LowlandError: If it is empty, names an unknown parameter, or has another shape than a parameter.
    """
    if not direction:
        raise LowlandError(f"{name}: got an empty direction; expected tensors by parameter name")
    for key, change in direction.items():
        if key not in parameters:
            raise LowlandError(f"{name}: got {key!r}; expected names of parameters: {', '.join(parameters)}")
        if change.shape != parameters[key].shape:
            raise LowlandError(
                f"{name}[{key!r}]: got shape {tuple(change.shape)}; expected {tuple(parameters[key].shape)}"
            )
    return {key: change.detach().to(parameters[key]) for key, change in direction.items()}


def _weights(module: nn.Module) -> dict[int, int]:
    """The weights that move, by identity, and in how many groups of inputs the first axis of each falls.

    0 stands for weights whose first axis counts outputs. In transposed convolutions the second one does, and the first
    counts the inputs, group after group.
    """
    return {
        id(p): owner.groups if isinstance(owner, TRANSPOSED) else 0
        for owner in module.modules()
        if not isinstance(owner, NORMALISATIONS)
        for name, p in owner.named_parameters(recurse=False)
        if p.ndim > 1 and WEIGHT.fullmatch(name)
    }


def _like_filters(weight: Tensor, groups: int, draws: torch.Generator) -> Tensor:
    """Gaussian numbers with the norms of the weight's filters."""
    filters = weight.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1) if groups else weight
    noise = torch.randn(filters.shape, generator=draws).to(weight)
    norms, own = (torch.linalg.vector_norm(f.flatten(1), dim=1) for f in (filters, noise))
    noise *= (norms / own).view(-1, *[1] * (noise.ndim - 1))
    return noise.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1) if groups else noise


def _upright(direction: Direction) -> Direction:
    """The direction or its opposite, so that its largest entry is positive."""
    flat = torch.cat([part.flatten() for part in direction.values()])
    sign = 1.0 if float(flat[flat.abs().argmax()]) >= 0 else -1.0
    return {name: part * sign for name, part in direction.items()}
