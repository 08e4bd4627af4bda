"""At which level of every disturbance a configuration breaks: its score is beyond what is asked for."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lowland.analysis.conditions import KEYS, beside_codes, group_of, harder_is_lower, is_part_of_a_whole
from lowland.analysis.criteria import cells
from lowland.analysis.score import score_of
from lowland.vocabulary.conditions import GROUPS
from lowland.vocabulary.families import DISTURBANCES
from lowland.vocabulary.labels import condition_label


def breaking_levels(
    measurements: pd.DataFrame, configuration: tuple[Any, ...], *, floor: float
) -> list[dict[str, Any]]:
    """The last level held and the first level lost, for every disturbance.

    Args:
        measurements: The long table of one task.
        configuration: (task, recipe, precision, method, weight_bits).
        floor: The score that must be kept, on the mean over the seeds: at least, or at most where lower is better. A
            level at which a seed gave no number is not held: a mean over the seeds that happened to work would flatter.

    Returns:
        Per condition, in the order of ``GROUPS``: family, condition, target, label, ``group``, ``part`` (whether it
        is a closer look at another condition), floor, ``last_held`` (last level before the first lost one; None if
        already the first level is lost), ``first_lost`` and ``holds_all`` (None and true if nothing is lost),
        ``levels`` from the mildest to the worst (an ADC loses bits) and ``scores``.
        Shifted sets have a single level, None.
    """
    _, recipe, precision, *_ = configuration
    score = score_of(measurements)
    rows = measurements[
        (measurements.recipe == recipe)
        & (measurements.precision == precision)
        & measurements.family.isin(DISTURBANCES)
        & (measurements.measure == score.name)
    ]
    rows = beside_codes(rows)
    rows = rows.assign(value=rows.value.where(rows.status == "ok"))
    known = cells(measurements)
    num_seeds = known.loc[(known.recipe == recipe) & (known.precision == precision), "seed"].nunique()
    found = []
    for (family, condition, target), group in rows.groupby(KEYS, sort=False):
        by_level = group.groupby("level", dropna=False)["value"].agg(["mean", "count"])
        by_level = by_level.sort_index(ascending=not harder_is_lower(str(condition)))
        curve = by_level["mean"].where(by_level["count"] == num_seeds)
        enough = list(score.sign * curve >= score.sign * floor)
        held = list(curve.index[: enough.index(False)] if not all(enough) else curve.index)
        lost = list(curve.index[len(held) :])
        found.append(
            {
                "family": family,
                "condition": condition,
                "target": target,
                "label": condition_label(str(condition), str(target)),
                "group": group_of(str(condition)),
                "part": is_part_of_a_whole(str(condition), str(target)),
                "floor": floor,
                "last_held": _level(held[-1]) if held else None,
                "first_lost": _level(lost[0]) if lost else None,
                "holds_all": not lost,
                "levels": [_level(level) for level in curve.index],
                "scores": [None if value != value else float(value) for value in curve],
            }
        )
    return sorted(found, key=lambda entry: list(GROUPS).index(entry["group"]))


def _level(level: float) -> float | None:
    return None if level != level else float(level)
