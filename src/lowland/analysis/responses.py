"""How badly a disturbance hurts a cell: one number per cell, family and condition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lowland.analysis.conditions import KEYS, codes_targets
from lowland.analysis.criteria import CELL, cells
from lowland.scores import deterioration
from lowland.vocabulary.conditions import condition_named
from lowland.vocabulary.families import DISTURBANCES
from lowland.vocabulary.measures import SCORES

RESPONSES = ("loss_rise", *map(deterioration, SCORES))  # of every task those that it has


def responses(measurements: pd.DataFrame, *, measures: Sequence[str] = RESPONSES) -> pd.DataFrame:
    """One response per cell, disturbance family, representative condition and measure; higher is worse.

    What is lost of the score (bounded): the plain mean over the levels. ``loss_rise`` (spans decades): the mean over
    the levels of asinh(rise / s), s being the median |rise| of all cells at that level, so that 1 flip counts as much
    as 100; asinh is logarithmic for large rises, linear through zero (a harmless disturbance may lower the loss) and
    keeps the order of the cells at every level.

    Not every condition: those that differ only in degree or place (uniform beside Gaussian noise, flips in weights
    beside flips everywhere, one step beside many) would tell the same story again, in columns too many to read. Each
    family is represented by the conditions that are declared to represent it; where a study measured none of these, by
    the first condition that it did measure.

    A response exists only where every level of the condition is ``ok``. A cell that lacks rows which other cells of
    its precision have counts as ``failed``: it stays in the table without a number.

    Args:
        measurements: The long table.
        measures: Of ``RESPONSES``, or ``mismatch_rate``.

    Returns:
        The cell's columns, family, condition, target, response, value, num_levels, status.
    """
    rows = measurements[measurements.family.isin(DISTURBANCES) & measurements.measure.isin(list(measures))]
    rows = rows[representative(rows)]
    if rows.empty:
        return pd.DataFrame(columns=[*CELL, *KEYS, "response", "value", "num_levels", "status"])
    where = ["task", *KEYS, "measure", "level"]
    good = rows.value.where(rows.status == "ok")
    scale = good.abs().groupby([rows[name] for name in where], dropna=False).transform("median")
    logarithmic = (rows.measure == "loss_rise") & (scale > 0)
    balanced = good.where(~logarithmic, np.arcsinh(good / scale.where(scale > 0, 1.0)))
    per_cell = (
        rows.assign(balanced=balanced, bad=rows.status.where(rows.status != "ok"))
        .groupby([*CELL, *KEYS, "measure"], sort=False)
        .agg(value=("balanced", lambda v: v.mean(skipna=False)), num_levels=("level", "size"), status=("bad", "first"))
        .reset_index()
        .rename(columns={"measure": "response"})
    )
    design = (
        per_cell.groupby(["task", "precision", *KEYS, "response"], sort=False)["num_levels"]
        .max()
        .rename("wanted")
        .reset_index()
    )
    full = cells(measurements).merge(design, on=["task", "precision"])
    frame = full.merge(per_cell, how="left", on=[*CELL, *KEYS, "response"])
    complete = frame.num_levels == frame.wanted
    status = frame.status.where(frame.status.notna(), np.where(complete, "ok", "failed")).astype(str)
    return frame.assign(
        status=status, value=frame.value.where(status == "ok"), num_levels=frame.num_levels.fillna(0).astype("int64")
    ).drop(columns="wanted")


def representative(rows: pd.DataFrame) -> pd.Series:
    """Which rows of disturbances are about a condition that stands for its family (of its task)."""
    known = {name: condition_named(name) for name in rows.condition.unique()}
    wanted = {name for name, condition in known.items() if condition.representative}
    whole = codes_targets(rows.target) == rows.condition.map({name: c.target for name, c in known.items()})
    named = rows.condition.isin(wanted) & whole
    where = [rows.task, rows.family]
    alone = ~named.groupby(where).transform("any").astype(bool)
    first = (rows.condition + "/" + rows.target).groupby(where).transform("first")
    return named | (alone & (rows.condition + "/" + rows.target == first))
