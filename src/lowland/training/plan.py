"""How every task of a study is trained."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from lowland.selection import Axes, Misfit, unknown_names
from lowland.training.options import TrainingOptions


class TrainingPlan(TrainingOptions):
    """How tasks are trained, with exceptions.

    Attributes:
        per_task: Complete options of the tasks that are trained otherwise.
    """

    per_task: dict[str, TrainingOptions] = Field(default_factory=dict)

    def of(self, task: str) -> TrainingOptions:
        """The options of one task."""
        return self.per_task.get(task, self)

    def misfits(self, axes: Axes) -> Iterator[Misfit]:
        """Options of tasks that are not studied."""
        return unknown_names("per_task", self.per_task, known=axes.tasks)
