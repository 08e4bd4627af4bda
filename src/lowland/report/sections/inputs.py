"""What the networks were given: rows and columns of a task's own table."""

from __future__ import annotations

from typing import Any

from lowland.report.figure_registry import FigureRegistry
from lowland.report.inputs import ReportInputs
from lowland.report.section import Section


class Inputs(Section):
    """The data of tasks that are tables."""

    name, title = "inputs", "Data"
    is_detail = True

    def applies(self, inputs: ReportInputs) -> bool:
        """Where some task is a table."""
        return any(task.facts.listing for task in inputs.tasks)

    def context(self, inputs: ReportInputs, figures: FigureRegistry) -> dict[str, Any]:
        """``tasks``, each with its ``given`` and the features ``with_gaps``."""
        known = [(task.name, task.facts.listing) for task in inputs.tasks if task.facts.listing]
        return {
            "tasks": [
                {"name": name, "given": given, "with_gaps": [f for f in given["features"] if f["gaps"]]}
                for name, given in known
            ]
        }
