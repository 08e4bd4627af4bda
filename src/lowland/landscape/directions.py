"""Directions through parameter space along which losses are looked at."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.landscape.eigenvalues import hessian_eigenvalues
from lowland.landscape.subject import Batches, Dequantizable, Loss, differentiable, trainable
from lowland.randomness import generator as keyed_generator

Direction = dict[str, Tensor]
"""A change of the parameters: tensors of their shapes by parameter name; what is missing does not move."""

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def filter_normalised_directions(
    model: nn.Module | Dequantizable, *, count: int = 2, generator: torch.Generator | None = None
) -> list[Direction]:
    r"""Gaussian directions whose every filter is as long as the model's.

    :math:`d_{ij} \leftarrow \frac{\|\theta_{ij}\|}{\|d_{ij}\|} d_{ij}` for filter j of layer i: what makes one output
    of a linear layer or one channel of a convolution. A step of 1 then changes every filter by its own length, so that
    layers rescaled by :math:`\alpha` and :math:`1/\alpha` show the same surface. Parameters with less than two
    dimensions (biases, batch-norm, thresholds of quantizers) do not move. Two such directions are almost orthogonal;
    they are not made exactly so, which would spoil their lengths.

    Args:
        model: Module in evaluation mode, or a deployed network with ``dequantized()``; left as it came.
        count: How many, at least 1.
        generator: CPU generator; a fixed one without it.

    Returns:
        ``count`` directions over the trainable parameters, zero for those that do not move.

    Raises:
        LowlandError: ``count`` below 1, training mode, no trainable parameter, or none with two dimensions.

    Source:
        Li et al., "Visualizing the loss landscape of neural nets", NeurIPS 2018, section 4; biases and batch-norm at
        rest as in their code's ``ignore=biasbn``.
    """
    if count < 1:
        raise LowlandError(f"count: got {count}; expected at least 1 direction")
    module = differentiable(model)
    parameters = trainable(module)
    if all(p.ndim < 2 for p in parameters.values()):
        raise LowlandError(
            "model: no trainable parameter has two dimensions; expected weights of linear layers or convolutions"
        )
    draws = generator or keyed_generator("filter_normalised_directions")
    output_axis = {
        id(layer.weight): 1 for layer in module.modules() if isinstance(layer, TRANSPOSED) and layer.groups == 1
    }
    return [
        {name: _like_filters(p.detach(), output_axis.get(id(p), 0), draws) for name, p in parameters.items()}
        for _ in range(count)
    ]


def hessian_directions(
    model: nn.Module | Dequantizable,
    loss: Loss,
    batches: Batches,
    *,
    count: int = 2,
    tolerance: float = 1e-3,
    generator: torch.Generator | None = None,
) -> list[Direction]:
    """Unit eigenvectors of the Hessian of the mean loss, the largest eigenvalue first.

    Their sign is free; it is chosen so that the entry with the largest magnitude is positive. Where the tolerance is
    not met they are the best found; ``hessian_eigenvalues`` tells residuals and convergence.

    Args:
        model: Module in evaluation mode, or a deployed network with ``dequantized()``; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets).
        count: How many, 1 to the number of parameters.
        tolerance: Relative error of the eigenvalues.
        generator: CPU generator of the starting vectors; a fixed one without it.

    Returns:
        ``count`` directions over the trainable parameters, orthonormal; NaN where the Hessian is not finite.

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
    return [_upright({name: vector[index] for name, vector in vectors.items()}) for index in range(count)]


def plane(
    kind: str,
    model: nn.Module | Dequantizable,
    loss: Loss,
    batches: Batches,
    *,
    generator: torch.Generator | None = None,
) -> list[Direction]:
    """Two directions of a kind, for ``loss_surface``.

    Args:
        kind: ``filter_normalised`` or ``hessian``.
        model: Module in evaluation mode, or a deployed network with ``dequantized()``; left as it came.
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


def _like_filters(weight: Tensor, axis: int, draws: torch.Generator) -> Tensor:
    """Gaussian numbers with the weight's norms along one axis; zeros for vectors and scalars."""
    if weight.ndim < 2:
        return torch.zeros_like(weight)
    noise = torch.randn(weight.shape, generator=draws).to(weight)
    others = [d for d in range(weight.ndim) if d != axis]
    norms = torch.linalg.vector_norm(weight, dim=others, keepdim=True)
    return noise * (norms / torch.linalg.vector_norm(noise, dim=others, keepdim=True))


def _upright(direction: Direction) -> Direction:
    """The direction or its opposite, so that its largest entry is positive."""
    flat = torch.cat([part.flatten() for part in direction.values()])
    sign = 1.0 if float(flat[flat.abs().argmax()]) >= 0 else -1.0
    return {name: part * sign for name, part in direction.items()}
