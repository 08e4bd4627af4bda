"""What was disturbed, and how."""

from __future__ import annotations

from typing import Any

from lowland.report.figure_registry import FigureRegistry
from lowland.report.inputs import ReportInputs
from lowland.report.section import Section
from lowland.report.sentences.disturbances import describe_disturbances, merge_tasks


class Disturbed(Section):
    """The tasks and the disturbances in plain words."""

    name, title = "disturbed", "What we disturbed"
    is_detail = True

    def context(self, inputs: ReportInputs, figures: FigureRegistry) -> dict[str, Any]:
        """``descriptions`` of the tasks, and the ``groups`` of disturbances."""
        by_task = {task.name: describe_disturbances(task.measurements, task.facts.readings) for task in inputs.tasks}
        return {
            "descriptions": [(task.name, task.facts.description) for task in inputs.tasks if task.facts.description],
            "groups": merge_tasks(by_task),
        }
