"""Where a configuration gives way: how far each disturbance can go before too little accuracy is left."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lowland.summary.criteria import condition_label


def endurance(measurements: pd.DataFrame, configuration: tuple[Any, ...], *, floor: float) -> list[dict[str, Any]]:
    """The last level held and the first level lost, for every disturbance.

    Args:
        measurements: The long table of one task.
        configuration: (task, recipe, precision, method, weight_bits).
        floor: Accuracy between 0 and 1 that must be left, on the mean over the seeds.

    Returns:
        Per condition, in order of appearance: condition, label, floor, ``last_held`` (highest level below the first
        lost one; None if already the first level is lost), ``first_lost`` (None if all are held), ``levels`` and
        ``accuracies``. Shifted sets have a single level, given as None.
    """
    _, recipe, precision, *_ = configuration
    rows = measurements[
        (measurements.recipe == recipe)
        & (measurements.precision == precision)
        & measurements.family.isin(["noise", "bit_flip", "corruption"])
        & (measurements.measure == "accuracy")
        & (measurements.target == "")
    ]
    rows = rows.assign(value=rows.value.where(rows.status == "ok"))
    found = []
    for (family, condition), group in rows.groupby(["family", "condition"], sort=False):
        curve = group.groupby("level", dropna=False)["value"].mean().sort_index()
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
