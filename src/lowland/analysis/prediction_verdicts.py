"""How well the matched curvature predicts, and where it fails."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lowland.analysis.prediction import EVERY, WITHIN


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


def _first(rows: pd.DataFrame) -> dict[str, Any] | None:
    return rows.iloc[0].to_dict() if len(rows) else None


def _best(rows: pd.DataFrame, score: pd.Series) -> dict[str, Any] | None:
    known = score.dropna()
    return rows.loc[known.idxmax()].to_dict() if len(known) else None
