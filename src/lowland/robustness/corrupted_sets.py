"""Shifted sets that a corruption makes of a task's held-out images or texts."""

from __future__ import annotations

from dataclasses import replace

from lowland.perturbation import TOKEN_CORRUPTIONS, corrupt, draw_tokens
from lowland.randomness import generator
from lowland.robustness.token_corruptions import vocabulary_of
from lowland.tasks import HeldOut, Samples, Splits, Task
from lowland.tasks.description import CorruptedSet


def with_corrupted_sets(task: Task, splits: Splits) -> Splits:
    """The splits with every corrupted set of a task beside the natural ones.

    A corrupted set has the held-out rows in their order and halves, so that answers can be compared row by row.
    Severities of one corruption share their random numbers; all networks meet the same set.

    Args:
        task: Whose ``corrupted_sets`` name the corruptions.
        splits: As the task prepared them.
    """
    found = {each.name: corrupted_set(task, splits, each) for each in task.corrupted_sets}
    return replace(splits, shifted={**splits.shifted, **found})


def corrupted_set(task: Task, splits: Splits, corrupted: CorruptedSet) -> HeldOut:
    """The held-out images or texts under one corruption, in their order and halves.

    Args:
        task: Whose readings say what no pixel can be below or above.
        splits: Of the task; of texts with the vocabulary among its facts.
        corrupted: Which corruption, how severe.

    Raises:
        LowlandError: Typing errors of texts whose vocabulary is not known.
    """
    held_out, kind = splits.held_out, corrupted.corruption
    if kind in TOKEN_CORRUPTIONS:
        tokens = held_out.samples.inputs
        words = vocabulary_of(splits) if kind == "typing_errors" else None
        draw = draw_tokens(tokens, key=("corrupted set", kind), words=words)
        inputs = TOKEN_CORRUPTIONS[kind](tokens, draw, level=corrupted.severity)
    else:
        inputs = corrupt(
            held_out.samples.inputs,
            kind,
            severity=corrupted.severity,
            generator=generator("corrupted set", kind),
            value_range=task.readings.limits,
        )
    return replace(held_out, samples=Samples(inputs, held_out.samples.targets))
