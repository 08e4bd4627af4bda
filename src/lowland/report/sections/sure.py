"""How sure the numbers are: what intervals are over, what failed, and how training went."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lowland.analysis.correlation import ENOUGH_RECIPES
from lowland.analysis.statuses import meaningless_measures, not_ok_counts
from lowland.report.figure_registry import FigureRegistry
from lowland.report.figures import learning_figure
from lowland.report.inputs import ReportInputs, TaskInputs
from lowland.report.section import Section
from lowland.vocabulary.labels import condition_label
from lowland.vocabulary.measures import MEASURES

STATUSES = {
    "non_finite": "overflowed: the result is no number",
    "not_converged": "the iteration did not settle",
    "undefined": "has no meaning there (a float network has no codes to flip)",
    "timeout": "took too long",
    "failed": "no result",
}


class Sure(Section):
    """What stands behind the numbers."""

    name, title = "sure", "How sure are we"
    is_detail = True

    def context(self, inputs: ReportInputs, figures: FigureRegistry) -> dict[str, Any]:
        """The ``size`` of the study, what ``failed``, and ``tasks`` with what is missing and their learning curves."""
        return {
            "size": inputs.size,
            "quality": inputs.quality,
            "descriptive": inputs.size.recipes < ENOUGH_RECIPES,
            "failed": [
                entry | {"meaning": STATUSES[entry["status"]]}
                for entry in not_ok_counts(inputs.measurements).to_dict("records")
            ],
            "tasks": [_task(task, figures) for task in inputs.tasks],
        }


def _task(task: TaskInputs, figures: FigureRegistry) -> dict[str, Any]:
    curves = task.tables.learning_curves
    drawn = figures.add(f"learning-{task.name}", learning_figure(curves, style=task.style)) if len(curves) else ""
    return {
        "name": task.name,
        "score": task.style.score,
        "left_out": _left_out(task.tables.correlations),
        "meaningless": [MEASURES[name].label for name in meaningless_measures(task.measurements)],
        "learning": drawn,
    }


def _left_out(correlations: pd.DataFrame) -> list[tuple[str, int]]:
    """Disturbances whose correlations had to do without some cells, and without how many at worst."""
    worst = correlations.groupby(["condition", "target"], sort=False)["num_not_ok"].max()
    return [(condition_label(*map(str, where)), int(count)) for where, count in worst.items() if count]
