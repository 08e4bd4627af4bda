"""Shifted sets that a corruption makes of a task's held-out images."""

from __future__ import annotations

from dataclasses import replace

from lowland.perturbation import corrupt
from lowland.randomness import generator
from lowland.tasks import HeldOut, Samples, Splits, Task
from lowland.tasks.description import CorruptedSet


def with_corrupted_sets(task: Task, splits: Splits) -> Splits:
    """The splits with every corrupted set of a task beside the natural ones.

    A corrupted set has the held-out images in their order and halves, so that answers can be compared image by image.
    Severities of one corruption share their random numbers; all networks meet the same set.

    Args:
        task: Whose ``corrupted_sets`` name the corruptions.
        splits: As the task prepared them.
    """
    found = {each.name: corrupted_set(task, splits.held_out, each) for each in task.corrupted_sets}
    return replace(splits, shifted={**splits.shifted, **found})


def corrupted_set(task: Task, held_out: HeldOut, corrupted: CorruptedSet) -> HeldOut:
    """The held-out images under one corruption, in their order and halves.

    Args:
        task: Whose readings say what no pixel can be below or above.
        held_out: Its images.
        corrupted: Which corruption, how severe.
    """
    images = corrupt(
        held_out.samples.inputs,
        corrupted.corruption,
        severity=corrupted.severity,
        generator=generator("corrupted set", corrupted.corruption),
        value_range=task.readings.limits,
    )
    return replace(held_out, samples=Samples(images, held_out.samples.targets))
