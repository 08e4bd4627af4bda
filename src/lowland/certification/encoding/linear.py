"""Operations without parameters that are linear: sums, means, concatenation, changes of shape."""

from __future__ import annotations

import numpy as np

from lowland.certification.encoding.builder import Builder
from lowland.certification.encoding.scalar_network import Places
from lowland.certification.real_network import Operation


def encode_linear(
    operation: Operation, operands: list[Places], sizes: list[tuple[int, ...]], builder: Builder
) -> Places:
    """New sums, or the values themselves where they only move to other places."""
    values = np.concatenate(operands)
    matrices = builder.matrices_of(operation, tuple(sizes))
    used = matrices.weights != 0
    if bool((used.sum(axis=1) == 1).all()) and bool((matrices.weights[used] == 1).all()) and not matrices.biases.any():
        moved: Places = values[used.argmax(axis=1)]
        return moved
    return builder.network.add_sums(values, matrices.weights, biases=matrices.biases)
