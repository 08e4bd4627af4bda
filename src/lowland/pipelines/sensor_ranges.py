"""What noise and broken sensors are measured in, for every stage alike."""

from __future__ import annotations

from lowland.perturbation import FeatureRanges
from lowland.tasks import Splits, Task


def sensor_ranges(task: Task, splits: Splits) -> FeatureRanges | None:
    """Statistics of the training rows, and what the task's sensors have of their own; None where no sensor reads."""
    if task.input_kind == "tokens":
        return None
    return FeatureRanges.of(splits["train"].inputs, **task.readings.model_dump())
