"""A network as single numbers: sums with intervals of weights, and positive parts. All that proofs need to know."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Sums:
    """New values v with |v - W u - b| <= E |u| + e: weighted sums whose weights lie in a box.

    With ``positive`` they are the positive parts of such sums: max(W u + b - E |u| - e, 0) <= v, likewise from above.

    Attributes:
        first: Place of the first new value.
        sources: Places of the values u [sources].
        weights: W [new, sources].
        radii: E, likewise; ``None``: no weight moves.
        biases: b [new].
        bias_radii: e [new].
        positive: Whether the values are the positive parts of the sums, which are no values themselves.
    """

    first: int
    sources: Places
    weights: Numbers
    radii: Numbers | None
    biases: Numbers
    bias_radii: Numbers
    positive: bool = False

    @property
    def moves(self) -> bool:
        """Whether anything is free."""
        return self.radii is not None or bool(self.bias_radii.any())


@dataclass(frozen=True, eq=False)
class PositiveParts:
    """New values v = max(u, 0).

    Attributes:
        first: Place of the first new value.
        sources: Places of the values u [new].
    """

    first: int
    sources: Places


@dataclass(eq=False)
class ScalarNetwork:
    """Numbers in the order in which they are made: inputs between two ends, sums and positive parts.

    Attributes:
        blocks: What follows the inputs.
        lower: The lower end of every value by interval arithmetic [values].
        upper: The upper end.
    """

    blocks: list[Sums | PositiveParts] = field(default_factory=list)
    lower: Numbers = field(default_factory=lambda: np.zeros(0))
    upper: Numbers = field(default_factory=lambda: np.zeros(0))

    def add_inputs(self, lower: Numbers, upper: Numbers) -> Places:
        """Places of new free values between two ends [new]."""
        return self._extended(lower, upper)

    def add_sums(
        self,
        sources: Places,
        weights: Numbers,
        radii: Numbers | None = None,
        biases: Numbers | None = None,
        bias_radii: Numbers | None = None,
        *,
        positive: bool = False,
    ) -> Places:
        """Places of new weighted sums [new].

        Args:
            sources: Places of the summands [sources].
            weights: [new, sources].
            radii: How far each weight moves; ``None``: not at all.
            biases: [new]; ``None``: zeros.
            bias_radii: [new]; ``None``: zeros.
            positive: Whether the new values are the positive parts of the sums.
        """
        zeros = np.zeros(len(weights))
        if len(distinct := np.unique(sources)) < len(sources):  # a value that comes twice is one summand
            belongs = (sources[:, None] == distinct).astype(np.float64)
            weights, radii, sources = weights @ belongs, None if radii is None else radii @ belongs, distinct
        block = Sums(
            len(self.lower),
            sources,
            weights,
            None if radii is None or not radii.any() else radii,
            zeros if biases is None else biases,
            zeros if bias_radii is None else bias_radii,
            positive,
        )
        self.blocks.append(block)
        return self._extended(*block_range(block, self.lower, self.upper))

    def add_positive_parts(self, sources: Places) -> Places:
        """Places of max(u, 0) of other values [new]."""
        block = PositiveParts(len(self.lower), sources)
        self.blocks.append(block)
        return self._extended(*block_range(block, self.lower, self.upper))

    def fixed(self, places: Places) -> bool:
        """Whether values are numbers: both ends are the same."""
        return bool((self.lower[places] == self.upper[places]).all())

    def _extended(self, lower: Numbers, upper: Numbers) -> Places:
        first = len(self.lower)
        self.lower = np.concatenate([self.lower, lower])
        self.upper = np.concatenate([self.upper, upper])
        return np.arange(first, len(self.lower))


def block_places(block: Sums | PositiveParts) -> Places:
    """Places of the values that a block makes."""
    count = len(block.biases) if isinstance(block, Sums) else len(block.sources)
    return np.arange(block.first, block.first + count)


def block_range(block: Sums | PositiveParts, lower: Numbers, upper: Numbers) -> tuple[Numbers, Numbers]:
    """Both ends of new values, tight for every one of them.

    Args:
        block: What makes them.
        lower: Lower ends of all values before.
        upper: Upper ends.
    """
    if isinstance(block, PositiveParts):
        return lower[block.sources].clip(min=0.0), upper[block.sources].clip(min=0.0)
    low, high = sum_range(block, lower, upper)
    return (low.clip(min=0.0), high.clip(min=0.0)) if block.positive else (low, high)


def sum_range(block: Sums, lower: Numbers, upper: Numbers) -> tuple[Numbers, Numbers]:
    """Both ends of weighted sums, tight for every one of them.

    w u - E|u| is concave in u and w u + E|u| convex: their extremes lie at the ends of u.

    Args:
        block: The sums.
        lower: Lower ends of all values before.
        upper: Upper ends.
    """
    low, high = lower[block.sources], upper[block.sources]
    at_low, at_high = block.weights * low, block.weights * high
    slack_low = slack_high = np.zeros(1)
    if block.radii is not None:
        slack_low, slack_high = block.radii * np.abs(low), block.radii * np.abs(high)
    least = np.minimum(at_low - slack_low, at_high - slack_high).sum(axis=1) + block.biases - block.bias_radii
    greatest = np.maximum(at_low + slack_low, at_high + slack_high).sum(axis=1) + block.biases + block.bias_radii
    if not block.moves and bool((low == high).all()):
        return least, least
    sizes = np.maximum(np.abs(at_low), np.abs(at_high)) + np.maximum(slack_low, slack_high)
    rounding = 1e-12 * (1.0 + sizes.sum(axis=1) + np.abs(block.biases) + block.bias_radii)
    return least - rounding, greatest + rounding


def highest_range(block: Sums, lower: Numbers, upper: Numbers) -> tuple[Numbers, Numbers]:
    """Both ends of W u + E |u| + b + e, the greatest that sums can be with given summands.

    Args:
        block: The sums.
        lower: Lower ends of all values before.
        upper: Upper ends.
    """
    low, high = lower[block.sources], upper[block.sources]
    radii = np.zeros_like(block.weights) if block.radii is None else block.radii
    at_low, at_high = block.weights * low + radii * np.abs(low), block.weights * high + radii * np.abs(high)
    least = np.minimum(at_low, at_high)
    least = np.where((low < 0) & (high > 0), np.minimum(least, 0.0), least)
    offset = block.biases + block.bias_radii
    rounding = 1e-12 * (1.0 + np.abs(at_low).sum(axis=1) + np.abs(at_high).sum(axis=1) + np.abs(offset))
    return least.sum(axis=1) + offset - rounding, np.maximum(at_low, at_high).sum(axis=1) + offset + rounding


def ranges(network: ScalarNetwork, lower: Numbers, upper: Numbers) -> tuple[Numbers, Numbers]:
    """Both ends of all values by interval arithmetic, from tighter ends of some of them.

    Args:
        network: The values.
        lower: Lower ends that hold already [values].
        upper: Upper ends.

    Returns:
        New ends; a lower one above the upper one says that there are no such values.
    """
    lower, upper = lower.copy(), upper.copy()
    for block in network.blocks:
        places = block_places(block)
        low, high = block_range(block, lower, upper)
        lower[places] = np.maximum(lower[places], low)
        upper[places] = np.minimum(upper[places], high)
    return lower, upper
