"""Which curves are spoiled: outputs that are no numbers, attacks that could not see a gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from lowland.analysis.conditions import KEYS
from lowland.vocabulary.families import DISTURBANCES

THRESHOLDS: Mapping[str, float] = {"non_finite_rate": 0.0, "blind_rate": 0.01}
"""Share of outputs or of rows above which it matters, by measure."""


@dataclass(frozen=True, slots=True)
class SpoiledShare:
    """Where a share is largest under one condition.

    Attributes:
        measure: A key of ``THRESHOLDS``.
        condition: The disturbance.
        target: What it hits.
        level: The level with the largest share.
        shares: Mean share there by precision, of those above the threshold.
    """

    measure: str
    condition: str
    target: str
    level: float
    shares: Mapping[str, float]


def spoiled_shares(measurements: pd.DataFrame) -> list[SpoiledShare]:
    """Every condition with levels under which some share exceeds its threshold, at the worst of its levels.

    Args:
        measurements: The long table of one task.
    """
    return [share for measure in THRESHOLDS for share in _of(measurements, measure)]


def _of(measurements: pd.DataFrame, measure: str) -> list[SpoiledShare]:
    rows = measurements[
        measurements.family.isin(DISTURBANCES)
        & (measurements.measure == measure)
        & (measurements.status == "ok")
        & measurements.level.notna()
    ]
    found = []
    for (_, condition, target), group in rows.groupby(KEYS, sort=False):
        means = group.groupby(["level", "precision"], sort=False)["value"].mean()
        level, _ = means.idxmax()
        shares = {str(p): float(share) for p, share in means.loc[level].items() if share > THRESHOLDS[measure]}
        if shares:
            found.append(SpoiledShare(measure, str(condition), str(target), float(level), shares))
    return found
