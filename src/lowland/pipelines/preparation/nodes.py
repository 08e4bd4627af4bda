"""From raw tables to standardised, disjoint sets."""

from __future__ import annotations

import pandas as pd

from lowland.artifacts import StoredTensors
from lowland.tasks import TaskOptions, build_task


def prepare(task: TaskOptions, raw: pd.DataFrame) -> StoredTensors:
    """The task's splits as named tensors."""
    return StoredTensors(build_task(task).prepare(raw).to_tensors())
