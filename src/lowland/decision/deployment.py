"""Which file to deploy: of a configuration's seeds the one that does best on the validation rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lowland.analysis.score import Score


def to_deploy(
    measurements: pd.DataFrame, configuration: tuple[Any, ...], *, score: Score, folder: str
) -> dict[str, Any] | None:
    """The file and the seed of a configuration to deploy.

    The lowest loss on the validation rows decides, then the best score there, then the order of the seeds. Test rows
    decide nothing: their scores would no longer be what to expect. Where validation was not measured it is the first
    seed that gave a score.

    Args:
        measurements: The long table of one task.
        configuration: (task, recipe, precision, method, weight_bits).
        score: Of the task.
        folder: Of the study's data, relative to the project.

    Returns:
        ``file``, ``seed`` and ``validation`` (``loss`` and ``score``, None where unknown; None where neither is
        known); None where no seed gave a score.
    """
    task, recipe, precision, *_ = configuration
    rows = measurements[
        (measurements.recipe == recipe)
        & (measurements.precision == precision)
        & (measurements.family == "performance")
        & (measurements.status == "ok")
    ]
    seeds = list(dict.fromkeys(rows.seed[(rows.split != "validation") & (rows.measure == score.name)]))
    if not seeds:
        return None
    validation = rows[rows.split == "validation"]
    loss, reached = (validation[validation.measure == m].groupby("seed")["value"].first() for m in ("loss", score.name))

    def merit(seed: str) -> tuple[float, float, int]:
        worst = float("inf")
        return (
            float(loss.get(seed, worst)),
            float(-score.sign * reached.get(seed, -score.sign * worst)),
            seeds.index(seed),
        )

    best = min(seeds, key=merit)
    known: Mapping[str, float | None] = {
        "loss": float(loss[best]) if best in loss else None,
        "score": float(reached[best]) if best in reached else None,
    }
    return {
        "file": f"{folder}/06_models/deployed/{task}/{recipe}/{best}/{precision}.safetensors",
        "seed": str(best),
        "validation": None if set(known.values()) == {None} else dict(known),
    }
