"""Searches a box of inputs for the largest deviation of a deployed network from its float network."""

from __future__ import annotations

import itertools
from math import prod

import numpy as np
import torch
from torch import Tensor

from lowland.certification.rounding.pair_bounds import Pair
from lowland.randomness import generator

SAMPLES, ROUNDS, CHANGED = 1024, 40, 128
_ROWS = 4096


class Deviations:
    """Deviations of both networks as they are run: integers of one, float64 of the other.

    Args:
        pair: Both networks over a box.
    """

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self._scale = torch.from_numpy(pair.scale(pair.graph.output))
        self.step = torch.from_numpy(pair.scale(pair.graph.sensor.name))
        box = pair.inputs if pair.reads == "inputs" else pair.symbolic.boxes[pair.graph.sensor.name]
        self.lower, self.upper = (torch.from_numpy(end) for end in box)

    def __call__(self, points: Tensor) -> Tensor:
        """Deployed minus float outputs [points, outputs] in float64.

        Args:
            points: [points, inputs]: inputs, or codes where the float network is given what these stand for.
        """
        pair, shape = self.pair, (-1, *self.pair.graph.row_shape)
        inputs = points * self.step if pair.reads == "codes" else points
        with torch.no_grad():
            parts = [
                self.deployed(rows) - pair.real(rows.reshape(shape)).flatten(1) for rows in inputs.double().split(_ROWS)
            ]
        return torch.cat(parts)

    def deployed(self, inputs: Tensor) -> Tensor:
        """Deployed outputs [points, outputs] in float64.

        Args:
            inputs: [points, inputs].
        """
        rows = inputs.float().reshape(-1, *self.pair.graph.row_shape)
        with torch.no_grad():
            return self.pair.graph.network.forward_integer(rows).flatten(1) * self._scale

    def drawn(self, count: int, draws: torch.Generator) -> Tensor:
        """Points of the box [count, inputs], drawn evenly; whole codes where these are what is given."""
        shares = torch.rand(count, len(self.lower), generator=draws, dtype=torch.float64)
        if self.pair.reads == "codes":
            return (self.lower + (shares * (self.upper - self.lower + 1)).floor()).clamp(max=self.upper)
        return self.lower + shares * (self.upper - self.lower)

    @property
    def num_codes(self) -> int:
        """How many input codes the box has."""
        lower, upper = self.pair.symbolic.boxes[self.pair.graph.sensor.name]
        return prod(int(width) + 1 for width in upper - lower)

    def every_code(self) -> Tensor:
        """All codes of the box [codes, inputs]."""
        ends = self.pair.symbolic.boxes[self.pair.graph.sensor.name]
        ranges = [range(int(first), int(last) + 1) for first, last in zip(*ends, strict=True)]
        return torch.from_numpy(np.array(list(itertools.product(*ranges)), dtype=np.float64))

    def inside(self, inputs: Tensor, codes: Tensor) -> Tensor:
        """Inputs of a solution of both networks as points of the box that have these codes, if there are such.

        Args:
            inputs: [inputs] of the float network.
            codes: [inputs].
        """
        if self.pair.reads == "codes":
            return codes[None]
        # Half a step from a code lies its border, on which float32 may decide for the other one.
        middle = [torch.minimum(torch.maximum(inputs, (codes - reach) * self.step), (codes + reach) * self.step)
                  for reach in (0.5, 0.4999, 0.49)]  # fmt: skip
        return torch.stack(middle).clamp(self.lower, self.upper)


def searched(deviations: Deviations, outputs: list[int]) -> float:
    """The largest |deviation| that drawn points and changes of the best of them meet.

    Args:
        deviations: Of both networks.
        outputs: Which outputs count.
    """
    draws = generator("deployed deviation")
    middle = (deviations.lower + deviations.upper) / 2
    points = torch.cat([middle.round()[None] if deviations.pair.reads == "codes" else middle[None],
                        deviations.drawn(SAMPLES, draws)])  # fmt: skip
    sizes = deviations(points)[:, outputs].abs().amax(1)
    best, highest = points[sizes.argmax()], float(sizes.max())
    share = max(0.25, 1 / len(best))
    for _ in range(ROUNDS):
        redrawn = torch.rand(CHANGED, len(best), generator=draws) < share
        changed = torch.where(redrawn, deviations.drawn(CHANGED, draws), best)
        sizes = deviations(changed)[:, outputs].abs().amax(1)
        if float(sizes.max()) > highest:
            best, highest = changed[sizes.argmax()], float(sizes.max())
    return highest
