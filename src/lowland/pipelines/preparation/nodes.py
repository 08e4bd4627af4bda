"""From raw tables to standardised, disjoint sets."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lowland.artifacts import StoredTensors
from lowland.robustness import with_corrupted_sets
from lowland.tasks import Splits, TaskOptions, build_task
from lowland.tasks.references import references
from lowland.tasks.shifted_classes import check_shifted_classes


def prepare(task: TaskOptions, raw: pd.DataFrame) -> tuple[StoredTensors, dict[str, Any]]:
    """The task's splits as named tensors with their facts, and the facts for people."""
    built = build_task(task)
    splits = with_corrupted_sets(built, built.prepare(raw))
    if built.is_classifier:
        check_shifted_classes(splits, num_classes=built.num_outputs)
    return StoredTensors(splits.to_tensors(), splits.facts), splits.facts


def refer(task: TaskOptions, data: StoredTensors) -> pd.DataFrame:
    """Scores of the guess and of simple models of another library, to compare networks with."""
    return references(build_task(task), Splits.from_tensors(data.tensors))
