"""Max-pooling."""

from __future__ import annotations

import numpy as np

from lowland.certification.encoding.builder import Builder
from lowland.certification.encoding.scalar_network import Places
from lowland.certification.real_network import Operation
from lowland.certification.windows import window_places


def encode_maximum(
    operation: Operation, operands: list[Places], sizes: list[tuple[int, ...]], builder: Builder
) -> Places:
    """max(a, b) = a + max(b - a, 0), one value of each window after the other."""
    (values,) = operands
    places = window_places(operation.layer, sizes[0]).numpy()
    windows = [values[row[row >= 0]] for row in places]
    results = np.array([window[0] for window in windows])
    for turn in range(1, max(len(window) for window in windows)):
        larger = np.array([turn < len(window) for window in windows])
        after = np.array([window[turn] for window in windows if turn < len(window)])
        results = results.copy()
        results[larger] = maximum_of(results[larger], after, builder)
    return results


def maximum_of(left: Places, right: Places, builder: Builder) -> Places:
    """The larger of two values each [values].

    Args:
        left: Places of the first ones.
        right: Places of the second ones.
        builder: What is written to.
    """
    network = builder.network
    identity = np.eye(len(left))
    excess = network.add_positive_parts(
        network.add_sums(np.concatenate([right, left]), np.concatenate([identity, -identity], axis=1))
    )
    return network.add_sums(np.concatenate([left, excess]), np.concatenate([identity, identity], axis=1))
