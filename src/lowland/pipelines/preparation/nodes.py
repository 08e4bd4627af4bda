"""From raw tables to standardised, disjoint sets."""

from __future__ import annotations

import pandas as pd

from lowland.artifacts import StoredTensors
from lowland.tasks import Splits, TaskOptions, build_task
from lowland.tasks.references import references


def prepare(task: TaskOptions, raw: pd.DataFrame) -> StoredTensors:
    """The task's splits as named tensors."""
    return StoredTensors(build_task(task).prepare(raw).to_tensors())


def refer(task: TaskOptions, data: StoredTensors) -> pd.DataFrame:
    """Scores of the guess and of simple models of another library, to compare networks with."""
    return references(build_task(task), Splits.from_tensors(data.tensors))
