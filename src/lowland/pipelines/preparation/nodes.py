"""From raw tables to standardised, disjoint sets."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lowland.artifacts import StoredTensors
from lowland.tasks import TaskOptions, build_task


def prepare(task: TaskOptions, raw: pd.DataFrame) -> tuple[StoredTensors, dict[str, Any]]:
    """The task's splits as named tensors with their facts, and the facts for people."""
    splits = build_task(task).prepare(raw)
    return StoredTensors(splits.to_tensors(), splits.facts), splits.facts
