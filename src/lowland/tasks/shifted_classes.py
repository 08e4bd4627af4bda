"""Shifted sets have the classes of their task: what a network cannot name, it cannot be right about."""

from __future__ import annotations

from lowland.errors import LowlandError
from lowland.tasks.splits import Splits


def check_shifted_classes(splits: Splits, *, num_classes: int) -> None:
    """Refuses shifted sets of which a label is no class of the task. A set need not have all of its classes.

    Args:
        splits: Of a task whose targets are numbers of classes.
        num_classes: Classes of the task, counted from 0.

    Raises:
        LowlandError: The first such set, with the labels that are none.
    """
    for name, held_out in splits.shifted.items():
        labels = held_out.samples.targets.unique()
        unknown = labels[(labels < 0) | (labels >= num_classes)].tolist()
        if unknown:
            shown = ", ".join(map(str, unknown[:5])) + (" and more" if len(unknown) > 5 else "")
            raise LowlandError(
                f"shifted set {name!r} has the labels {shown}; expected 0 to {num_classes - 1}, the classes of its "
                "task: number its classes as the task does, and leave out rows of others"
            )
