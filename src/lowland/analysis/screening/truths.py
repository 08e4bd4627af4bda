"""What is to be predicted: how every quantized cell stands disturbances, once on each half of the held-out rows."""

from __future__ import annotations

import pandas as pd

from lowland.analysis.criteria import CELL
from lowland.analysis.responses import responses
from lowland.analysis.score import score_of
from lowland.analysis.splits import on_split
from lowland.measurements import HALVES, WITH_CODES
from lowland.vocabulary.measures import SHARES

BESIDE = {"policy_drop": -1, "upset_safe_share": 1}
"""Measures of other families that are predicted as well, and what makes the better of two values the larger number."""
LEFT, LOST, OTHER = "left", "lost", "other"
"""Of the score under a disturbance, of the score by it, and ``BESIDE``."""
KEY = ["task", "recipe", "seed", "precision"]


def truths(measurements: pd.DataFrame) -> pd.DataFrame:
    """Every truth of every cell with codes, the better of two cells having the larger number.

    Of every representative disturbance what is left of the score and what is lost of it, each the mean over the
    levels; and the measures of ``BESIDE`` as they are, on average over their levels.

    Args:
        measurements: The long table with both halves.

    Returns:
        The cell's columns, ``truth`` (name), ``kind`` (``left`` | ``lost`` | ``other``), ``in_points`` (a share, whose
        hundredths are points), ``selection`` and ``test`` (values on these halves; where a study measured on one set of
        rows alone both are that value) and ``halved`` (whether they are of different rows). Cells without a number are
        left out.
    """
    halves = {half: _on_one_half(on_split(measurements, half)) for half in HALVES}
    both = [*CELL, "truth", "kind", "in_points"]
    chosen, told = halves["selection"], halves["test"]
    frame = told.merge(chosen, how="left", on=both, suffixes=("_test", "_selection"))
    halved = frame.value_selection.notna()
    return frame.assign(
        test=frame.value_test, selection=frame.value_selection.where(halved, frame.value_test), halved=halved
    )[[*both, "selection", "test", "halved"]]


def _on_one_half(rows: pd.DataFrame) -> pd.DataFrame:
    parts = []
    for _, task in rows.groupby("task", sort=False):
        score = score_of(task)
        found = responses(task, measures=[score.name, score.lost])
        is_left = found.response == score.name
        sign = is_left.map({True: score.sign, False: -1})
        parts.append(
            found.assign(
                truth=found.response + " " + found.condition,
                kind=is_left.map({True: LEFT, False: LOST}),
                in_points=score.is_share,
                value=sign * found.value,
            )[found.target == ""]
        )
        parts.append(_beside(task))
    frame = pd.concat(parts, ignore_index=True)
    frame = frame[frame.method.isin(WITH_CODES) & (frame.status == "ok")]
    return frame[[*CELL, "truth", "kind", "in_points", "value"]]


def _beside(task: pd.DataFrame) -> pd.DataFrame:
    rows = task[task.measure.isin(list(BESIDE)) & (task.reference == "") & (task.seed != "pairs")]
    rows = rows.assign(truth=(rows.measure + " " + rows.target).str.strip())
    means = (
        rows.assign(good=rows.value.where(rows.status == "ok"))
        .groupby([*CELL, "measure", "truth"], sort=False)["good"]
        .agg(lambda values: values.mean(skipna=False))
        .rename("value")
        .reset_index()
    )
    sign = means.measure.map(BESIDE).astype("float64")
    # What a policy costs is in units of the task's score; it is a share wherever the score is one.
    share = score_of(task).name in SHARES
    status = means.value.notna().map({True: "ok", False: "failed"})
    return means.assign(value=sign * means.value, kind=OTHER, in_points=share, status=status)
