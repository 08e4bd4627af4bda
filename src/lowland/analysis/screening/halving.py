"""Successive halving on the validation score: the usual way to stop trainings early, without any landscape."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from lowland.analysis.screening.scores import CONFIGURATION


def halving_scores(scores: pd.DataFrame, stops: Sequence[float]) -> pd.DataFrame:
    """How long every recipe survives when at each stop the better half goes on, ties broken by its last score.

    Args:
        scores: One row per task, recipe and stop: ``task, recipe, epochs_share, score``, the larger the better.
        stops: Shares of the epochs, rising; the last one decides among those that are left.

    Returns:
        ``task, recipe, halving``: the number of stops that were survived plus the rank (0 to 1) at the last one seen.
    """
    parts = []
    for _, task in scores.groupby("task", sort=False):
        table = task.pivot_table(index=["task", "recipe"], columns="epochs_share", values="score", sort=False)
        alive, reached = table.index, pd.Series(0.0, index=table.index)
        for number, stop in enumerate(stops):
            ranks = table.loc[alive, stop].rank(pct=True)
            reached.loc[alive] = number + ranks
            alive = ranks.sort_values(ascending=False, kind="stable").index[: max(1, (len(alive) + 1) // 2)]
        parts.append(reached.rename("halving").reset_index())
    return pd.concat(parts, ignore_index=True)


def with_halving(predicted: pd.DataFrame, reached: pd.DataFrame) -> pd.DataFrame:
    """Cells with the column ``halving``, which chooses the same recipe in every precision.

    Args:
        predicted: Cells, see ``choice``.
        reached: From ``halving_scores``.
    """
    keys = [name for name in CONFIGURATION if name in reached]
    return predicted.merge(reached, on=keys)
