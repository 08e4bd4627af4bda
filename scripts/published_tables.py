"""Our own numbers, recipe by precision: what the comparison with the published study rests on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from lowland.vocabulary.measures import MEASURES
from scripts.published_claims import RANKED
from scripts.published_comparison import CURVATURE, NO_VERDICT, NOISE, NOISE_LEVEL, TaskComparison
from scripts.published_statistics import Interval, jackknife, pairs_of, t_interval

FLIPS = 20.0


class Overview(NamedTuple):
    """One measure: recipes down, precisions across."""

    title: str
    precisions: list[str]
    rows: list[tuple[str, list[str]]]


def overviews(task: TaskComparison) -> list[Overview]:
    """Clean and disturbed scores, likeness of seeds and largest eigenvalue of all recipes and precisions."""
    score, rows = task.score, task.rows[task.rows.target == ""]
    alone = rows[rows.reference == ""]
    return [
        _overview(task, f"Clean: {task.label}", _of(alone, "performance", score, "")),
        _overview(
            task, f"Gaussian noise, {NOISE_LEVEL:g} %: {task.label}", _of(alone, *_at(NOISE, score), NOISE_LEVEL)
        ),
        _overview(task, f"The {FLIPS:g} worst-ranked flips: {task.label}", _of(alone, *_at(RANKED, score), FLIPS)),
        _overview(task, "CKA between seeds", rows[(rows.measure == "cka") & (rows.reference != "")], pairs=True),
        _overview(task, MEASURES[CURVATURE].label.capitalize(), _of(alone, "landscape", CURVATURE, "")),
    ]


def _at(disturbance: tuple[str, str], measure: str) -> tuple[str, str, str]:
    family, condition = disturbance
    return family, measure, condition


def _of(rows: pd.DataFrame, family: str, measure: str, condition: str, level: float | None = None) -> pd.DataFrame:
    chosen = rows[(rows.family == family) & (rows.measure == measure) & (rows.condition == condition)]
    return chosen if level is None else chosen[chosen.level == level]


def _overview(task: TaskComparison, title: str, rows: pd.DataFrame, *, pairs: bool = False) -> Overview:
    good = rows[rows.status == "ok"]
    precisions = [name for name in task.rows.precision.unique() if name in set(good.precision)]
    found = {}
    for key, part in good.groupby(["recipe", "precision"]):
        found[key] = jackknife(pairs_of(part)) if pairs else t_interval(part.value)
    recipes = [name for name in task.rows.recipe.unique() if name in set(good.recipe)]
    lines = [(recipe, [_cell(found.get((recipe, name)), task.num_seeds) for name in precisions]) for recipe in recipes]
    return Overview(title, precisions, lines)


def _cell(found: Interval | None, seeds: int) -> str:
    if found is None:
        return NO_VERDICT
    text = f"{found.mean:.3g}" if np.isnan(found.low) else f"{found.mean:.3g} ± {found.high - found.mean:.2g}"
    return text if found.number >= seeds else f"{text} ({found.number} of {seeds})"
