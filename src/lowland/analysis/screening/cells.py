"""Cells of a new study predicted from those of a known one, and those worth training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from lowland.analysis.criteria import CELL
from lowland.analysis.screening.features import features, to_be_deployed
from lowland.analysis.screening.folds import FAMILY, interval, predictions
from lowland.analysis.screening.options import ScreeningOptions
from lowland.analysis.screening.scores import choice, r_squared
from lowland.analysis.screening.truths import truths
from lowland.errors import LowlandError

PREDICTED = [*CELL, "truth", "kind", "predicted", "low", "high", "extrapolated", "status"]


@dataclass(frozen=True, eq=False)
class Known:
    """A finished study that predictions are learnt from.

    Attributes:
        measurements: Its long table.
        families: Of its recipes.
        sources: Rows of the long table with what its sources measured; the long table itself, where these are finished.
    """

    measurements: pd.DataFrame
    families: Mapping[str, str]
    sources: pd.DataFrame


def screened(
    known: Known, sources: pd.DataFrame, wanted: pd.DataFrame, options: ScreeningOptions
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Predictions of every truth for every wanted cell, and how far each is to be trusted.

    Rows of the same task are learnt from, where the known study has it; of all its tasks otherwise.

    Args:
        known: The known study.
        sources: Rows of the long table with what the new study's sources measured.
        wanted: Cells to be predicted: ``CELL`` columns.
        options: How.

    Returns:
        One row per cell and truth: ``CELL``, ``truth``, ``kind``, ``predicted``, ``low``, ``high``, ``extrapolated``
        (another task, or bits beyond the known ones; empty where neither), ``worth_training``, ``status``; the better
        of two cells has the larger number. And a record per task and truth with what held-out families of the known
        study say: ``r_squared``, ``regret``, ``points`` with its interval, ``num_families``.

    Raises:
        LowlandError: Known and new sources have no measure in common.
    """
    there = truths(known.measurements)
    told = features(known.sources, to_be_deployed(known.measurements), source=options.source)
    told = told.assign(family=told.recipe.map(known.families))
    new = features(sources, wanted, source=options.source)
    columns = [name for name in told.columns if name in new.columns and name not in CELL]
    if len(columns) <= len(("bits", "step", "tuned")):
        raise LowlandError(
            "screening.known has no landscape measure in common with what was measured now; expected a study with "
            f"landscape rows of its {options.source} cells: name another"
        )
    tables, records = [], []
    for task, cells in new.groupby("task", sort=False):
        for truth, frame in _known_rows(told.merge(there, on=CELL), str(task)):
            predicted, low, high = interval(frame, columns, cells, model=options.model, confidence=options.confidence)
            tables.append(
                cells[CELL].assign(
                    truth=truth,
                    kind=frame.kind.iloc[0],
                    predicted=predicted,
                    low=low,
                    high=high,
                    extrapolated=_beyond(frame, cells, str(task)),
                    status="ok",
                )
            )
            records.append({"task": str(task), "truth": truth, **trust(frame, columns, options)})
    missing = wanted.merge(new[CELL], on=CELL, how="left", indicator=True)
    missing = missing[missing._merge == "left_only"].drop(columns="_merge")
    table = pd.concat([*tables, missing.assign(status="failed")], ignore_index=True).reindex(columns=PREDICTED)
    return table.assign(worth_training=_worth(table, options.worth_share)), records


def trust(frame: pd.DataFrame, columns: list[str], options: ScreeningOptions) -> dict[str, Any]:
    """What predictions of held-out families of the known study are worth.

    Args:
        frame: Known cells with features and truth, of one truth.
        columns: The features.
        options: How.
    """
    out = predictions(frame, columns, model=options.model, by=FAMILY)
    outcome = asdict(choice(out, top=options.worth_share))
    kept = ("regret", "points", "low", "high", "num_families")
    return {
        "r_squared": r_squared(out),
        **{name: outcome[name] for name in kept},
        "halved": bool(frame.halved.all()),
    }


def _known_rows(frame: pd.DataFrame, task: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each truth that a task's cells are learnt from; truths of one family are left out."""
    same = frame[frame.task == task]
    for truth, rows in (same if len(same) else frame).groupby("truth", sort=False):
        if rows.groupby("task")["family"].nunique().min() > 1:
            yield str(truth), rows.reset_index(drop=True)


def _beyond(known: pd.DataFrame, cells: pd.DataFrame, task: str) -> np.ndarray:
    if not (known.task == task).any():
        return np.full(len(cells), "another task", dtype=object)
    inside = cells.bits.between(known.bits.min(), known.bits.max())
    return np.where(inside, "", "bits")


def _worth(table: pd.DataFrame, share: float) -> pd.Series:
    """Whether a cell is of one of the recipes that are predicted best in its task and precision."""
    means = table.groupby(["task", "truth", "precision", "recipe"], sort=False)["predicted"].mean().reset_index()
    groups = means.groupby(["task", "truth", "precision"], sort=False)["predicted"]
    best = means[groups.rank(ascending=False, method="first") <= groups.transform("size").mul(share).round().clip(1)]
    keys = ["task", "truth", "precision", "recipe"]
    return table[keys].merge(best[keys].assign(worth=True), on=keys, how="left").worth.notna().to_numpy()
