"""Weights times values plus biases, within a box."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from lowland.certification.encoding.builder import Builder
from lowland.certification.encoding.scalar_network import Numbers, Places
from lowland.certification.real_network import Operation


def encode_weighted(
    operation: Operation,
    operands: list[Places],
    sizes: list[tuple[int, ...]],
    builder: Builder,
    *,
    positive: bool = False,
) -> Places:
    """Each result on its own within W u + b +- (E|u| + e): exact where every weight acts in one result.

    Where weights act in several results, fixed values make the results linear in the weights' movements, which are then
    variables that the results share. With values that vary the results are taken as if each had weights of its own:
    sound, not exact. With ``positive`` the positive parts of the results, which nothing else may take.
    """
    (values,) = operands
    network = builder.network
    moves = builder.radius(operation, "weight") is not None or builder.radius(operation, "bias") is not None
    if not operation.acts_once and moves and network.fixed(values):
        results = _shared(operation, values, sizes[0], builder)
        return network.add_positive_parts(results) if positive else results
    builder.exact &= operation.acts_once or not moves
    matrices = builder.matrices_of(operation, tuple(sizes))
    if positive and not moves:
        return network.add_positive_parts(network.add_sums(values, matrices.weights, biases=matrices.biases))
    return network.add_sums(
        values, matrices.weights, matrices.radii, matrices.biases, matrices.bias_radii, positive=positive
    )


def _shared(operation: Operation, values: Places, size: tuple[int, ...], builder: Builder) -> Places:
    """Results of fixed values as sums over the movements of their parameters."""
    network = builder.network
    row = torch.from_numpy(network.lower[values].reshape(1, *size).copy())
    sources: list[Places] = []
    jacobians: list[Numbers] = []
    for name, parameter in operation.parameters.items():
        radius = builder.radius(operation, name)
        if radius is None:
            continue
        free = radius.flatten().nonzero()[:, 0]
        reach = radius.flatten()[free].numpy()
        key = f"{operation.owner or operation.name}.{name}"
        if key not in builder.deltas:
            builder.deltas[key] = network.add_inputs(-reach, reach)
        sources.append(builder.deltas[key])
        jacobians.append(_jacobian(operation, name, parameter, row)[:, free.numpy()])
    with torch.no_grad():
        result = operation.layer(row).flatten().numpy()
    return network.add_sums(np.concatenate(sources), np.concatenate(jacobians, axis=1), biases=result)


def _jacobian(operation: Operation, name: str, parameter: Tensor, row: Tensor) -> Numbers:
    """How the results of one row change with a parameter [results, elements]."""

    def results(value: Tensor) -> Tensor:
        output: Tensor = functional_call(operation.layer, {name: value}, (row,))
        return output.flatten()

    jacobian: Tensor = torch.func.jacrev(results)(parameter)
    return np.asarray(jacobian.detach().flatten(1).numpy())
