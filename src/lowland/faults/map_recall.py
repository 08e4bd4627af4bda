"""How much of one map another finds: the ceiling that the noise of the rows leaves for any ranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from lowland.faults.flip_map_options import ELSEWHERE
from lowland.faults.ranking import recall_at
from lowland.faults.vulnerability import LOSS, MERIT


def ceilings(maps: Sequence[Mapping[str, Tensor]], counts: Sequence[int]) -> dict[tuple[str, int], tuple[float, float]]:
    """Recall of the map of one part of the samples in that of the next: what chance leaves for any ranking to find."""
    if len(maps) < 2:
        return {}
    told = [harms(part) for part in maps]
    pairs = list(zip(told, [*told[1:], told[0]], strict=True))
    recalls = {}
    for count in possible_counts(counts, told[0][0]):
        by_loss, by_score = (
            sum(recall_at(one[kind], other[kind], count) for one, other in pairs) / len(pairs) for kind in (0, 1)
        )
        recalls[ELSEWHERE, count] = by_loss, by_score
    return recalls


def harms(sensitivity: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Each flip's harm by loss and by score, up to a constant."""
    return (
        {name: outcomes[..., LOSS] for name, outcomes in sensitivity.items()},
        {name: -outcomes[..., MERIT] for name, outcomes in sensitivity.items()},
    )


def possible_counts(counts: Sequence[int], harm: Mapping[str, Tensor]) -> list[int]:
    """Those numbers of worst flips that are fewer than all."""
    total = sum(values.numel() for values in harm.values())
    return [count for count in counts if count < total]
