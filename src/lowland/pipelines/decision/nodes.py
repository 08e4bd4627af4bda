"""From the long table to what to deploy."""

from __future__ import annotations

from typing import Any

import pandas as pd

import lowland.tasks  # noqa: F401  # declares what tasks call their shifted sets
from lowland.analysis.splits import on_split
from lowland.decision.headline import headline
from lowland.decision.recommendation import recommend
from lowland.decision.requirements import TaskRequirements
from lowland.pipelines.frames import gather_frames


def choose(
    requirements: TaskRequirements,
    folder: str,
    measurements: pd.DataFrame,
    references: pd.DataFrame,
    *learning: pd.DataFrame | None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The recommendation, and its few numbers for DVC's metrics; ``learning`` are the learning curves by task."""
    curves = gather_frames(*learning)
    told = on_split(measurements, "test")
    recommendation = recommend(
        on_split(measurements, "selection"),
        requirements,
        reported=told,
        references=references,
        learning_curves=curves,
        folder=folder,
    )
    return recommendation, headline(recommendation, told)
