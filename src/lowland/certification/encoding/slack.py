"""What a solver's tolerances can do to a bound."""

from __future__ import annotations

import numpy as np

from lowland.certification.encoding.scalar_network import (
    Numbers,
    Places,
    PositiveParts,
    ScalarNetwork,
    block_places,
)
from lowland.certification.programme import DUAL_FEASIBILITY, FEASIBILITY


def solver_slack(
    network: ScalarNetwork,
    lower: Numbers,
    upper: Numbers,
    places: Places,
    factors: Numbers,
    tolerances: tuple[float, float] = (FEASIBILITY, DUAL_FEASIBILITY),
) -> float:
    """How far a solver's bound on a sum of values can lie from the true one.

    Every row may be violated by the tolerance and every binary be that far from 0 or 1; each violation is amplified by
    the weights behind it. Reduced costs of the wrong sign cost their size times the variable's range.

    Args:
        network: The values.
        lower: Their lower ends.
        upper: Their upper ends.
        places: Of the values that are summed.
        factors: Of each.
        tolerances: The solver's, of rows and whole numbers, and of reduced costs.
    """
    gains = np.zeros(len(lower))
    np.add.at(gains, places, np.abs(factors))
    reach = np.maximum(np.abs(lower), np.abs(upper))
    split = (lower < 0) & (upper > 0)
    own = 1.0 + np.where(split, reach, 0.0)
    total = 1.0  # the search ends so close to the best
    for block in reversed(network.blocks):
        gain = gains[block_places(block)]
        if isinstance(block, PositiveParts):
            total += float(gain @ own[block.sources])
            np.add.at(gains, block.sources, gain)
            continue
        total += float((gain * (1.0 + reach[block_places(block)] * block.positive)).sum())
        passed = gain @ np.abs(block.weights)
        if block.radii is not None:
            absolute = gain @ block.radii
            passed = passed + absolute
            total += 2.0 * float((absolute * own[block.sources])[split[block.sources]].sum())
        np.add.at(gains, block.sources, passed)
    # Beside every value there may be its positive part, and a binary of each.
    return tolerances[0] * total + 2 * tolerances[1] * float((upper - lower + 1.0).sum())
