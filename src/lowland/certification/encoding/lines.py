"""Linear functions above and below what a block makes: of linear relaxations, and of bounds by substitution."""

from __future__ import annotations

import numpy as np

from lowland.certification.encoding.scalar_network import Numbers, Sums

Line = tuple[Numbers, Numbers]
"""A matrix [new, values] and constants [new]."""


def lines_of(block: Sums, lower: Numbers, upper: Numbers) -> tuple[Line, Line, Line]:
    """Linear functions above the greatest, below the least and below the greatest that sums can be.

    Where the sign of u is not known, |u| is at most its chord.

    Args:
        block: The sums.
        lower: Lower ends of all values.
        upper: Upper ends.
    """
    low, high = lower[block.sources], upper[block.sources]
    straddling = (low < 0) & (high > 0)
    span = np.where(straddling, high - low, 1.0)
    slopes = np.where(straddling, (high + low) / span, np.where(low >= 0, 1.0, -1.0))
    constants = np.where(straddling, -2 * high * low / span, 0.0)
    radii = np.zeros_like(block.weights) if block.radii is None else block.radii

    def spread(matrix: Numbers) -> Numbers:
        wide = np.zeros((len(matrix), len(lower)))
        wide[:, block.sources] = matrix
        return wide

    shift = radii @ constants
    return (
        (spread(block.weights + radii * slopes), block.biases + block.bias_radii + shift),
        (spread(block.weights - radii * slopes), block.biases - block.bias_radii - shift),
        (spread(block.weights + radii * np.where(straddling, 0.0, slopes)), block.biases + block.bias_radii),
    )


def chords(low: Numbers, high: Numbers) -> tuple[Numbers, Numbers]:
    """Slopes and constants of the lines above positive parts of values between two ends [values].

    Args:
        low: Lower ends.
        high: Upper ends.
    """
    span = np.where((low < 0) & (high > 0), high - low, 1.0)
    slopes = np.where(low >= 0, 1.0, np.where(high > 0, high / span, 0.0))
    return slopes, slopes * -np.where(low >= 0, 0.0, low)
