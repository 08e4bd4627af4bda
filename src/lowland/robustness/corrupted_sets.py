"""Shifted sets that a corruption makes of a task's held-out images."""

from __future__ import annotations

from dataclasses import replace

from lowland.perturbation import corrupt
from lowland.randomness import generator
from lowland.tasks import Samples, Splits, Task


def with_corrupted_sets(task: Task, splits: Splits) -> Splits:
    """The splits with every corrupted set of a task beside the natural ones.

    A corrupted set has the held-out images in their order and halves, so that answers can be compared image by image.
    Severities of one corruption share their random numbers; all networks meet the same set.

    Args:
        task: Whose ``corrupted_sets`` name the corruptions.
        splits: As the task prepared them.
    """
    samples, found = splits.held_out.samples, {}
    for corrupted in task.corrupted_sets:
        images = corrupt(
            samples.inputs,
            corrupted.corruption,
            severity=corrupted.severity,
            generator=generator("corrupted set", corrupted.corruption),
            value_range=task.readings.limits,
        )
        found[corrupted.name] = replace(splits.held_out, samples=Samples(images, samples.targets))
    return replace(splits, shifted={**splits.shifted, **found})
