"""Finished studies side by side: what every configuration of each of them reached, and where a new one stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from lowland.analysis.criteria import CONFIGURATION, OPERATIONS, SIZE, clean_criterion, robustness_criteria
from lowland.analysis.over_seeds import configurations
from lowland.analysis.score import score_of

COLUMNS = [
    "study",
    *CONFIGURATION,
    "recommended",
    "criterion",
    "label",
    "measure",
    "value",
    "num_seeds",
    "higher_is_better",
]


class Standing(NamedTuple):
    """Where the recommended configuration of a study stands among those of others of the same task and score.

    Attributes:
        rank: By the score on undisturbed rows, 1 the best.
        studies: How many recommend one, this one among them.
        smaller: How many of those that score better are no larger.
    """

    rank: int
    studies: int
    smaller: int


def study_summary(name: str, measurements: pd.DataFrame, recommendation: Mapping[str, Any]) -> pd.DataFrame:
    """What is kept of a finished study: the means of every configuration.

    Args:
        name: Of the study: its data folder.
        measurements: The long table, of the rows that are told.
        recommendation: From ``recommend``.

    Returns:
        One row a configuration and criterion: ``study``, the configuration, ``recommended``, ``criterion`` (``score``,
        ``size``, ``bit_operations`` and the score under every disturbance), ``label``, ``measure``, ``value`` (mean
        over seeds), ``num_seeds``, ``higher_is_better``.
    """
    parts = []
    for task, rows in measurements.groupby("task", sort=False):
        score = score_of(rows)
        criteria = (clean_criterion(score), SIZE, OPERATIONS, *robustness_criteria(rows, score))
        frame = configurations(rows, criteria).rename(columns={"mean": "value"})
        about = pd.DataFrame(
            [(c.name, c.label, c.measure, c.higher_is_better) for c in criteria],
            columns=["criterion", "label", "measure", "higher_is_better"],
        )
        frame = frame.merge(about, on="criterion").assign(study=name)
        chosen = recommendation["tasks"][str(task)]["chosen"]
        asked = None if chosen is None else (chosen["recipe"], chosen["precision"])
        same = [pair == asked for pair in zip(frame.recipe, frame.precision, strict=True)]
        parts.append(frame.assign(recommended=same)[COLUMNS])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)


def with_study(known: pd.DataFrame | None, summary: pd.DataFrame) -> pd.DataFrame:
    """The studies that are known with one more, in the place of what was known of it.

    Args:
        known: All that are; None for none.
        summary: From ``study_summary``.
    """
    if known is None or summary.empty:
        return summary if known is None else known
    others = known[~known.study.isin(summary.study.unique())]
    return pd.concat([others, summary], ignore_index=True) if len(others) else summary


def standing(known: pd.DataFrame, study: str, task: str) -> Standing | None:
    """Where a study stands; None where it recommends nothing or no other recommends anything of the task.

    Args:
        known: From ``with_study``.
        study: Its name.
        task: Of it.
    """
    rows = known[(known.task == task) & known.recommended.astype(bool)]
    scores = rows[rows.criterion == "score"].set_index("study")
    sizes = rows[rows.criterion == "size"].set_index("study")["value"]
    if study not in scores.index:
        return None
    same = scores[scores.measure == scores.loc[study, "measure"]]
    if len(same) < 2:
        return None
    merit = same.value * (1 if same.loc[study, "higher_is_better"] else -1)
    better = merit.index[merit > merit[study]]
    smaller = int((sizes.reindex(better) <= sizes.get(study, float("nan"))).sum())
    return Standing(1 + len(better), len(same), smaller)
