"""Tighter ends of values: linear functions of a block substituted backwards, down to the inputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lowland.certification.encoding.lines import Line, chords, lines_of
from lowland.certification.encoding.scalar_network import (
    Numbers,
    PositiveParts,
    ScalarNetwork,
    Sums,
    block_places,
    block_range,
    highest_range,
)


@dataclass(frozen=True, eq=False)
class Ends:
    """Ends of all values, and of the greatest that sums with positive parts can be.

    Attributes:
        lower: Of every value [values].
        upper: Of every value.
        tops: Lower ends of the greatest that each sum can be, at the place of its positive part [values].
    """

    lower: Numbers
    upper: Numbers
    tops: Numbers


def substituted_ends(network: ScalarNetwork) -> Ends:
    """Never wider than interval arithmetic: at every block the better of both.

    Source: the backward bounds of Zhang et al., "Efficient Neural Network Robustness Certification with General
    Activation Functions" (2018), with sums whose weights lie in intervals.

    Args:
        network: The values.
    """
    lower, upper = network.lower.copy(), network.upper.copy()
    tops = np.full(len(lower), -np.inf)
    lines: list[tuple[Line, Line]] = []
    for number, block in enumerate(network.blocks):
        places = block_places(block)
        low, high = block_range(block, lower, upper)
        lower[places], upper[places] = np.maximum(lower[places], low), np.minimum(upper[places], high)
        if isinstance(block, Sums):
            above, below, beneath = lines_of(block, lower, upper)
            room = 1e-9 * (1.0 + np.abs(above[1]) + np.abs(below[1]))
            high = _largest(network, lines, number, above, lower, upper) + room
            low = -_largest(network, lines, number, (-below[0], -below[1]), lower, upper) - room
            if block.positive:
                least = -_largest(network, lines, number, (-beneath[0], -beneath[1]), lower, upper) - room
                tops[places] = np.maximum(highest_range(block, lower, upper)[0], least)
                low, high = low.clip(min=0.0), high.clip(min=0.0)
            lower[places], upper[places] = np.maximum(lower[places], low), np.minimum(upper[places], high)
        lower[places] = np.minimum(lower[places], upper[places])  # rounding
        lines.append(_lines(block, lower, upper, tops))
    return Ends(lower, upper, tops)


def _largest(
    network: ScalarNetwork, lines: list[tuple[Line, Line]], number: int, of: Line, lower: Numbers, upper: Numbers
) -> Numbers:
    """What linear functions of the values before a block cannot exceed [functions]."""
    matrix, constants = of[0].copy(), of[1].copy()
    for block, (above, below) in zip(reversed(network.blocks[:number]), reversed(lines[:number]), strict=True):
        places = block_places(block)
        factors = matrix[:, places]
        if not factors.any():
            continue
        matrix[:, places] = 0.0
        positive, negative = factors.clip(min=0.0), factors.clip(max=0.0)
        matrix += positive @ above[0] + negative @ below[0]
        constants += positive @ above[1] + negative @ below[1]
    best: Numbers = np.maximum(matrix * lower, matrix * upper).sum(axis=1) + constants
    return best


def _lines(block: Sums | PositiveParts, lower: Numbers, upper: Numbers, tops: Numbers) -> tuple[Line, Line]:
    """Linear functions above and below the values that a block makes."""
    places, sources = block_places(block), block.sources
    if isinstance(block, PositiveParts):
        of = np.zeros((len(places), len(lower)))
        of[np.arange(len(places)), sources] = 1.0
        slopes, constants = chords(lower[sources], upper[sources])
        kept = (upper[sources] > -lower[sources]).astype(float)  # u or 0, whichever leaves less
        return (slopes[:, None] * of, constants), (kept[:, None] * of, np.zeros(len(places)))
    above, below, _ = lines_of(block, lower, upper)
    if not block.positive:
        return above, below
    slopes, constants = chords(tops[places], upper[places])
    kept = (upper[places] > -tops[places]).astype(float)
    return (
        (slopes[:, None] * above[0], slopes * above[1] + constants),
        (kept[:, None] * below[0], kept * below[1]),
    )
