"""What the tables say, in the few numbers that the report's sentences need."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lowland.analysis.correlation import SCOPES
from lowland.analysis.lost import lost_cells
from lowland.analysis.prediction import EVERY, WITHIN
from lowland.measures import MEASURES, SELECTED

BOUNDS = ("half_life", "protected_bits", "protected_bits_simulated")  # undefined is a result of theirs


def failed(measurements: pd.DataFrame) -> pd.Series:
    """Which rows are not ``ok`` and should be.

    A half-life beyond the levels, or before them, is a bound and a result; so is a plan that no protection saves. What
    is ``meaningless`` for a task is no failure either.
    """
    bound = (measurements.measure == BOUNDS[0]) & measurements.status.isin(["not_converged", "undefined"])
    hopeless = measurements.measure.isin(BOUNDS[1:])
    hopeless &= measurements.status == "undefined"
    return (measurements.status != "ok") & ~bound & ~hopeless & ~meaningless(measurements)


def meaningless(measurements: pd.DataFrame) -> pd.Series:
    """Which rows are about a measure that is undefined for every network of its task: decisions where none is made."""
    undefined = (measurements.status == "undefined") & ~measurements.measure.isin(BOUNDS)
    return undefined.groupby([measurements.task, measurements.measure]).transform("all")


def meaningless_measures(measurements: pd.DataFrame) -> list[str]:
    """Labels of the measures of which that is so."""
    return [MEASURES[str(name)].label for name in measurements.measure[meaningless(measurements)].unique()]


def not_ok_counts(measurements: pd.DataFrame) -> pd.DataFrame:
    """How many rows of the long table failed: task, family, status, rows, cells."""
    bad = measurements[failed(measurements)]
    cell = bad.recipe + "." + bad.seed + "." + bad.precision
    return (
        bad.assign(cell=cell)
        .groupby(["task", "family", "status"], sort=False)
        .agg(rows=("cell", "size"), cells=("cell", "nunique"))
        .reset_index()
    )


def extremes(correlations: pd.DataFrame, *, statistic: str = "spearman", response: str = "loss_rise") -> pd.DataFrame:
    """The strongest and the weakest correlation of every task and family, within precision.

    Returns:
        The rows of ``correlations`` with the largest and the smallest |value| among the landscape measures and
        baselines whose correlation exists, with ``extreme`` (``strongest`` | ``weakest``).
    """
    rows = correlations[
        (correlations.statistic == statistic)
        & (correlations.response == response)
        & (correlations.scope == SCOPES[0])
        & (correlations.status == "ok")
        & ~correlations.predictor.isin(SELECTED)  # they rest on a few cells: no rank among those of all
    ]
    picked = []
    for _, group in rows.groupby(["task", "family"], sort=False):
        size = group.value.abs()
        picked.append(group.loc[[size.idxmax()]].assign(extreme="strongest"))
        picked.append(group.loc[[size.idxmin()]].assign(extreme="weakest"))
    return pd.concat(picked, ignore_index=True) if picked else rows.assign(extreme="")


def beyond_chance(
    correlations: pd.DataFrame, *, statistic: str = "spearman", response: str = "loss_rise"
) -> dict[str, int]:
    """How many within-precision intervals exclude zero, and of how many: one in twenty would by chance alone."""
    rows = correlations[
        (correlations.statistic == statistic)
        & (correlations.response == response)
        & (correlations.scope == SCOPES[0])
        & correlations.low.notna()
    ]
    return {"intervals": len(rows), "excluding_zero": int(((rows.low > 0) | (rows.high < 0)).sum())}


def prediction_verdicts(fits: pd.DataFrame) -> list[dict[str, Any]]:
    """For every condition: how the matched curvature does, who is the best baseline, and where it fails.

    Returns:
        Per task and condition: the matched curvature's row over all precisions and levels (``matched``), its row within
        precision (``within``), the baseline with the highest R² (``baseline``), the precision with the lowest Spearman
        (``worst_precision``), and the single level whose median measured / predicted is farthest from 1
        (``worst_level``); each a dict of the fit's columns, or None.
    """
    found = []
    for (task, condition), group in fits.groupby(["task", "condition"], sort=False):
        overall = group[group.level.isna()]
        matched = overall[overall.matched]
        single = matched[~matched.scope.isin([EVERY, WITHIN])]
        baselines = overall[~overall.matched & (overall.scope == EVERY)]
        levels = group[group.matched & group.level.notna() & (group.scope == EVERY)]
        off = levels.median_ratio.where(levels.median_ratio > 0)
        found.append(
            {
                "task": task,
                "condition": condition,
                "matched": _first(matched[matched.scope == EVERY]),
                "within": _first(matched[matched.scope == WITHIN]),
                "baseline": _best(baselines, baselines.r_squared),
                "worst_precision": _best(single, -single.spearman),
                "worst_level": _best(levels, (off.where(off > 1, 1 / off))),
            }
        )
    return found


def grid_size(measurements: pd.DataFrame) -> dict[str, int]:
    """How many recipes, seeds, precisions and cells the table is about; ``alive``: cells that gave any result."""
    cells = measurements[measurements.seed != "pairs"]
    return {
        "tasks": cells.task.nunique(),
        "recipes": cells.recipe.nunique(),
        "seeds": cells.seed.nunique(),
        "precisions": cells.precision.nunique(),
        "cells": len(cells[["task", "recipe", "seed", "precision"]].drop_duplicates()),
        "alive": len(cells[["task", "recipe", "seed", "precision"]].drop_duplicates()) - len(lost_cells(measurements)),
        "rows": len(measurements),
    }


def _first(rows: pd.DataFrame) -> dict[str, Any] | None:
    return rows.iloc[0].to_dict() if len(rows) else None


def _best(rows: pd.DataFrame, score: pd.Series) -> dict[str, Any] | None:
    known = score.dropna()
    return rows.loc[known.idxmax()].to_dict() if len(known) else None
