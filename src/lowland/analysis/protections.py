"""What protections save of a network under its worst policy, and what they cost in bits."""

from __future__ import annotations

import pandas as pd

from lowland.analysis.criteria import CONFIGURATION
from lowland.analysis.policies import of_policies
from lowland.vocabulary.worst_case_measures import NO_PROTECTION

MEASURES = ("protected_drop", "protection_gain", "protection_harm", "protection_cost")


def protections(measurements: pd.DataFrame) -> pd.DataFrame:
    """Protections of every configuration that has any, cheapest first, those that cannot be had left out.

    Args:
        measurements: Rows of the long table of one task, of one half of the held-out rows.

    Returns:
        ``task, recipe, precision, method, weight_bits``, ``protection`` and, by measure, its mean over seeds (NaN where
        it was not measured), with ``protected_drop_low``, ``protected_drop_high`` and ``num_seeds`` of the loss.
    """
    means = of_policies(measurements, MEASURES)
    means = means[means.num_seeds > 0]
    by = [*CONFIGURATION, "target"]
    wide = means[means.measure == "protected_drop"][[*by, "mean", "low", "high", "num_seeds"]]
    wide = wide.rename(columns={"mean": "protected_drop", "low": "protected_drop_low", "high": "protected_drop_high"})
    for measure in MEASURES[1:]:
        own = means.loc[means.measure == measure, [*by, "mean"]].rename(columns={"mean": measure})
        wide = wide.merge(own, on=by, how="left", sort=False)
    order = wide.assign(_first=wide.target != NO_PROTECTION).sort_values(["_first", "protection_cost"], kind="stable")
    return order.drop(columns="_first").rename(columns={"target": "protection"}).reset_index(drop=True)
