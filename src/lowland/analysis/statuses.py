"""Which rows of the long table failed, and which have no meaning for their task."""

from __future__ import annotations

import pandas as pd

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
    """Which rows are about a measure that is undefined for every network of its task: decisions where none is made.

    Where the measure's family gave no result for any network of a method, nobody knows whether it is defined there:
    what float networks do not have, others may.
    """
    undefined = (measurements.status == "undefined") & ~measurements.measure.isin(BOUNDS)
    everywhere = undefined.groupby([measurements.task, measurements.measure]).transform("all")
    lost = measurements[(measurements.measure == "all") & ~measurements.status.isin(["ok", "undefined"])]
    lost_methods = {where: set(rows.method) for where, rows in lost.groupby(["task", "family"])}
    unknown = [
        name
        for name, rows in measurements[everywhere].groupby(["task", "family", "measure"])
        if lost_methods.get(name[:2], set()) - set(rows.method)
    ]
    keys = pd.MultiIndex.from_frame(measurements[["task", "family", "measure"]])
    return everywhere & ~keys.isin(unknown)


def meaningless_measures(measurements: pd.DataFrame) -> list[str]:
    """Names of the measures of which that is so."""
    return [str(name) for name in measurements.measure[meaningless(measurements)].unique()]


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
