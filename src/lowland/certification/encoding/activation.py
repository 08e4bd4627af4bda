"""Activations of linear pieces, as positive parts."""

from __future__ import annotations

import numpy as np
from torch import nn

from lowland.certification.encoding.builder import Builder
from lowland.certification.encoding.scalar_network import Numbers, Places
from lowland.certification.real_network import Operation
from lowland.errors import LowlandError


def encode_activation(
    operation: Operation, operands: list[Places], sizes: list[tuple[int, ...]], builder: Builder
) -> Places:
    """Exact for ReLU, leaky ReLU and hard-tanh.

    Raises:
        LowlandError: An activation that is not made of linear pieces.
    """
    (values,) = operands
    layer = operation.layer
    if isinstance(layer, nn.ReLU):
        return builder.network.add_positive_parts(values)
    if isinstance(layer, nn.LeakyReLU):
        slope = float(layer.negative_slope)
        positive = builder.network.add_positive_parts(values)
        return _combined([(slope, values), (1.0 - slope, positive)], builder)
    if isinstance(layer, nn.Hardtanh):  # nn.ReLU6 is one of them
        return clamped(values, float(layer.min_val), float(layer.max_val), builder)
    raise LowlandError(
        f"the activation {operation.name} ({type(layer).__name__}) is not made of linear pieces, which an exact "
        "programme needs; expected ReLU, LeakyReLU, Hardtanh or ReLU6, or method relaxation"
    )


def clamped(values: Places, lowest: float, highest: float, builder: Builder, bias_radius: float = 0.0) -> Places:
    """Values between two ends: lowest + max(u - lowest, 0) - max(u - highest, 0), and what else may be added.

    Args:
        values: Places of u.
        lowest: The lower end.
        highest: The upper end.
        builder: What is written to.
        bias_radius: How far each result moves besides.
    """
    network, identity = builder.network, np.eye(len(values))
    ones = np.ones(len(values))
    above_lowest = network.add_positive_parts(network.add_sums(values, identity, biases=-lowest * ones))
    above_highest = network.add_positive_parts(network.add_sums(values, identity, biases=-highest * ones))
    places = _combined([(1.0, above_lowest), (-1.0, above_highest)], builder, lowest, bias_radius)
    # Interval arithmetic does not see that both parts are of one value.
    low = network.lower[values].clip(lowest, highest) - bias_radius
    high = network.upper[values].clip(lowest, highest) + bias_radius
    network.lower[places] = np.maximum(network.lower[places], low)
    network.upper[places] = np.minimum(network.upper[places], high)
    return places


def _combined(
    terms: list[tuple[float, Places]], builder: Builder, bias: float = 0.0, bias_radius: float = 0.0
) -> Places:
    count = len(terms[0][1])
    weights: Numbers = np.concatenate([factor * np.eye(count) for factor, _ in terms], axis=1)
    return builder.network.add_sums(
        np.concatenate([places for _, places in terms]),
        weights,
        biases=np.full(count, bias),
        bias_radii=np.full(count, bias_radius),
    )
