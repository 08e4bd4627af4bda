"""What a runtime can see of each row before it codes a layer, and the bins that say how unusual it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lowland.errors import LowlandError, did_you_mean
from lowland.worst_case.crest import crest_factor
from lowland.worst_case.subject import PolicySubject

STATISTICS: dict[str, Callable[[Tensor], Tensor]] = {
    "largest": lambda flat: flat.abs().amax(1),
    "least": lambda flat: flat.amin(1),
    "highest": lambda flat: flat.amax(1),
    "mean_magnitude": lambda flat: flat.abs().mean(1),
    "crest": crest_factor,
    "zeros": lambda flat: (flat == 0).to(flat.dtype).mean(1),
}
"""Of values [rows, elements], one number a row; a row of zeros has the crest factor 0."""

CLIP = 4.0
"""Standard deviations beyond which a network of statistics sees no difference."""


def observed(values: Tensor, statistics: tuple[str, ...] = tuple(STATISTICS)) -> Tensor:
    """Statistics of each row [rows, statistics], float64.

    Args:
        values: What a layer is about to code [rows, ...].
        statistics: Names of ``STATISTICS``.
    """
    flat = values.flatten(1).double()
    return torch.stack([STATISTICS[name](flat) for name in statistics], 1)


def check_statistics(statistics: tuple[str, ...]) -> None:
    """Refuses names that are not known.

    Raises:
        LowlandError: One is not, or there are none.
    """
    if not statistics:
        raise LowlandError(f"statistics is empty; expected some of {', '.join(STATISTICS)}")
    for name in statistics:
        if name not in STATISTICS:
            raise LowlandError(
                f"statistics names {name!r}; expected some of {', '.join(STATISTICS)}{did_you_mean(name, STATISTICS)}"
            )


@torch.no_grad()
def observed_in(subject: PolicySubject, inputs: Tensor) -> Tensor:
    """All statistics before every layer, without any policy [layers, rows, statistics]."""
    seen: dict[int, Tensor] = {}

    def look(number: int, values: Tensor) -> int:
        seen.setdefault(number, observed(values))
        return subject.own_bits[number]

    subject(inputs, look)
    return torch.stack([seen[number] for number in range(len(subject.layers))])


@dataclass(frozen=True)
class Scales:
    """Mean and standard deviation of every statistic before every layer, of rows that nothing is reported of.

    Attributes:
        mean: [layers, statistics].
        deviation: [layers, statistics]; 1 where all rows are alike.
    """

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, seen: Tensor) -> Scales:
        """Of statistics [layers, rows, statistics]."""
        deviation = seen.std(1, correction=0)
        return cls(seen.mean(1), torch.where(deviation > 0, deviation, torch.ones_like(deviation)))

    def scaled(self, layer: int, statistics: Tensor) -> Tensor:
        """Statistics of a layer [rows, statistics] in standard deviations from the mean, clipped."""
        return ((statistics - self.mean[layer]) / self.deviation[layer]).clamp(-CLIP, CLIP)


@dataclass(frozen=True)
class Bins:
    """Joint bins of some statistics, between quantiles of rows that nothing is reported of.

    Attributes:
        statistics: Names.
        edges: By layer and statistic, rising; a value that is an edge lies below it.
    """

    statistics: tuple[str, ...]
    edges: tuple[tuple[tuple[float, ...], ...], ...]

    def __post_init__(self) -> None:
        """Refuses unknown statistics."""
        check_statistics(self.statistics)

    @classmethod
    def of(cls, seen: Tensor, statistics: tuple[str, ...], bins: int) -> Bins:
        """As many bins of each statistic, with equally many rows in each where no values are equal.

        Args:
            seen: All statistics [layers, rows, statistics].
            statistics: Which to use.
            bins: Of each.
        """
        check_statistics(statistics)
        places = [list(STATISTICS).index(name) for name in statistics]
        shares = torch.arange(1, bins, dtype=torch.float64) / bins
        cuts = torch.quantile(seen[:, :, places], shares, dim=1)  # [bins - 1, layers, statistics]
        edges = tuple(tuple(tuple(each) for each in layer) for layer in cuts.permute(1, 2, 0).tolist())
        return cls(statistics, edges)

    @property
    def number(self) -> int:
        """How many joint bins there are."""
        return int(torch.tensor([len(edges) + 1 for edges in self.edges[0]]).prod())

    def of_values(self, layer: int, values: Tensor) -> Tensor:
        """The joint bin of every row [rows] of what a layer is about to code [rows, ...]."""
        return self.of_statistics(layer, observed(values, self.statistics))

    def of_statistics(self, layer: int, statistics: Tensor) -> Tensor:
        """The joint bin of every row [rows], of these statistics [rows, statistics]."""
        joint = torch.zeros(len(statistics), dtype=torch.int64)
        for column, edges in zip(statistics.T, self.edges[layer], strict=True):
            cuts = torch.tensor(edges, dtype=torch.float64)
            joint = joint * (len(edges) + 1) + torch.bucketize(column.contiguous(), cuts)
        return joint

    @property
    def spec(self) -> dict[str, Any]:
        """Statistics and edges, jsonable."""
        return {"statistics": list(self.statistics), "edges": [[list(e) for e in layer] for layer in self.edges]}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Bins:
        """The bins of a spec."""
        edges = tuple(tuple(tuple(map(float, each)) for each in layer) for layer in spec["edges"])
        return cls(tuple(spec["statistics"]), edges)
