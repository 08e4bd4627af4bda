"""Which cells are retrained on their disagreements, and how."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from lowland.selection import Axes, Misfit, Selection
from lowland.training import TrainingOptions

SPLIT = "retraining"


class RetrainingOptions(Selection):
    """Which deployed networks of classifiers are retrained on what they answer otherwise than their float network.

    Attributes:
        precisions: Names from the axis of precisions, of networks with codes; or how many of those, from the first; or
            ``all`` of those. ``none`` switches retraining off.
        seeds: How many seeds, from the first; or ``all``.
        most_rows: Rows at most that are added to the training rows.
        training: How the float network is trained on; the quantized one then as before, by ``quantization`` and, with
            method ``qat``, ``fine_tuning``.
    """

    most_rows: Annotated[int, Field(ge=1)]
    training: TrainingOptions

    def misfits(self, axes: Axes) -> Iterator[Misfit]:
        """What every selection can have wrong, and tasks without rows to retrain on."""
        yield from super().misfits(axes)
        if not (self.precisions and self.seeds):
            return
        for name, task in axes.tasks.items():
            if task.is_classifier and SPLIT not in task.extra_sets:
                yield (
                    "precisions",
                    f"asks for retraining, and task {name!r} has no rows for it; expected "
                    f"{SPLIT}_rows: 1000 among the task's options, or none here",
                )

    @staticmethod
    def selectable(axes: Axes) -> tuple[str, ...]:
        """Float networks agree with themselves."""
        return tuple(axes.deployed)
