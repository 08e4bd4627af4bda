"""Where a configuration gives way: how far each disturbance can go before too little accuracy is left."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lowland.summary.criteria import cells, condition_label, of_the_whole
from lowland.summary.responses import FAMILIES


def endurance(measurements: pd.DataFrame, configuration: tuple[Any, ...], *, floor: float) -> list[dict[str, Any]]:
    """The last level held and the first level lost, for every disturbance.

    Args:
        measurements: The long table of one task.
        configuration: (task, recipe, precision, method, weight_bits).
        floor: Accuracy between 0 and 1 that must be left, on the mean over the seeds. A level at which a seed gave
            no number is not held: a mean over the seeds that happened to work would flatter.

    Returns:
        Per condition, noise first, then flips and shifted sets: family, condition, label, floor, ``last_held`` (highest
        level below the first lost one; None if already the first level is lost), ``first_lost`` and ``holds_all``
        (None and true if nothing is lost), ``levels`` and ``accuracies``. Shifted sets have a single level, None.
    """
    _, recipe, precision, *_ = configuration
    rows = measurements[
        (measurements.recipe == recipe)
        & (measurements.precision == precision)
        & measurements.family.isin(FAMILIES)
        & (measurements.measure == "accuracy")
    ]
    rows = pd.concat(of_the_whole(group) for _, group in rows.groupby("family", sort=False)) if len(rows) else rows
    rows = rows.assign(value=rows.value.where(rows.status == "ok"))
    known = cells(measurements)
    num_seeds = known.loc[(known.recipe == recipe) & (known.precision == precision), "seed"].nunique()
    found = []
    order = sorted(rows.groupby(["family", "condition"], sort=False), key=lambda item: FAMILIES.index(item[0][0]))
    for (family, condition), group in order:
        by_level = group.groupby("level", dropna=False)["value"].agg(["mean", "count"]).sort_index()
        curve = by_level["mean"].where(by_level["count"] == num_seeds)
        lost = [level for level, accuracy in curve.items() if not accuracy >= floor]
        held = [level for level in curve.index if not lost or level < lost[0]]
        found.append(
            {
                "family": family,
                "condition": condition,
                "label": condition_label(str(condition)),
                "floor": floor,
                "last_held": _level(held[-1]) if held else None,
                "first_lost": _level(lost[0]) if lost else None,
                "holds_all": not lost,
                "levels": [_level(level) for level in curve.index],
                "accuracies": [None if accuracy != accuracy else float(accuracy) for accuracy in curve],
            }
        )
    return found


def _level(level: float) -> float | None:
    return None if level != level else float(level)
