"""What stands beside the networks' scores: the guess, and what scikit-learn makes of the same rows."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lowland.analysis.score import Score

GUESS = "guess"
_WORDS = {"guess": "guessing", "boosting": "gradient boosting", "linear": "a linear model"}  # short, in sentences
FAR = 0.1  # of a reference's distance from the guess: what a recommendation may fall short of it unsaid


def references_of(table: pd.DataFrame | None, task: str) -> list[dict[str, Any]]:
    """The references of one task, ready for JSON; an empty list where none were made.

    Args:
        table: ``task``, ``name``, ``label``, ``score``, ``standard_error``, ``num_samples``; or None. Labels of known
            names give way to shorter ones.
        task: Whose.
    """
    if table is None or table.empty:
        return []
    return [
        {
            "name": str(row.name_),
            "label": _WORDS.get(str(row.name_), str(row.label)),
            "score": None if row.score != row.score else float(row.score),
            "standard_error": None if row.standard_error != row.standard_error else float(row.standard_error),
            "num_samples": int(row.num_samples),
        }
        for row in table[table.task == task].rename(columns={"name": "name_"}).itertuples()
    ]


def guess_of(references: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The guess among the references, if its score is known."""
    return next((r for r in references if r["name"] == GUESS and r["score"] is not None), None)


def best_of(references: list[dict[str, Any]], score: Score) -> dict[str, Any] | None:
    """The best reference that looks at the inputs."""
    known = [r for r in references if r["name"] != GUESS and r["score"] is not None]
    return max(known, key=lambda r: score.sign * r["score"]) if known else None


def far_behind(value: float | None, references: list[dict[str, Any]], score: Score) -> dict[str, Any] | None:
    """The best reference, where a score falls short of it by more than a tenth of its distance from the guess.

    The shortfall must also exceed the reference's standard error: on few test rows a tenth can be luck.

    Args:
        value: The networks' score; None where unknown.
        references: From ``references_of``.
        score: Of the task.
    """
    best, guess = best_of(references, score), guess_of(references)
    if value is None or best is None or guess is None:
        return None
    shortfall = score.sign * (best["score"] - value)
    distance = score.sign * (best["score"] - guess["score"])
    return best if distance > 0 and shortfall > max(FAR * distance, best["standard_error"] or 0.0) else None
