"""A page for the design review: what was asked and held, what stands behind it, what is still to be done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lowland.analysis.certificates import certified_cells
from lowland.measurements import IMPORTED
from lowland.report.figure_registry import FigureRegistry
from lowland.report.inputs import ReportInputs, TaskInputs
from lowland.report.score_text import ScoreText
from lowland.report.section import Section
from lowland.report.sentences.choice import asked
from lowland.report.values import display
from lowland.report.words import plural
from lowland.vocabulary.conditions import GROUPS, condition_named
from lowland.vocabulary.families import DISTURBANCES

UNTRIED = ("noise", "sensors", "attacks", "memory", "shift")
"""Groups of disturbances that a review asks about, whatever the task."""


class Checklist(Section):
    """For the design review."""

    name, title = "checklist", "Checklist for the design review"

    def applies(self, inputs: ReportInputs) -> bool:
        """Where something may be deployed."""
        return any(task.recommendation["chosen"] for task in inputs.tasks)

    def context(self, inputs: ReportInputs, figures: FigureRegistry) -> dict[str, Any]:
        """``tasks`` with something to deploy."""
        return {"tasks": [_task(task) for task in inputs.tasks if task.recommendation["chosen"]]}


def _task(task: TaskInputs) -> dict[str, Any]:
    found, score = task.recommendation, task.style.score
    chosen, tried = found["chosen"], _tried(task)
    return {
        "name": task.name,
        "file": chosen["deploy"]["file"] if chosen["deploy"] else None,
        "requirements": [_requirement(need, chosen, score) for need in found["requirements"]],
        "evidence": list(_evidence(task, score)),
        "untried": [GROUPS[group].lower() for group in UNTRIED if group not in tried],
        "protected": bool(certified_cells(task.measurements)),
    }


def _requirement(need: Mapping[str, Any], chosen: Mapping[str, Any], score: ScoreText) -> dict[str, Any]:
    """One requirement, and how it fares on test rows."""
    entry = chosen["numbers"][need["name"]]
    words = {"surely": "held by the whole 95 % interval", "on the mean": "held on the mean only", "no": "missed"}
    reached = display(entry["mean"], entry["measure"], score, condition=entry["condition"])
    return {
        "asked": asked(need, score),
        "held": entry["confirmed"] == "surely",
        "words": f"{reached}, {words[entry['confirmed']]}",
    }


def _evidence(task: TaskInputs, score: ScoreText) -> Iterator[str]:
    """What stands behind the numbers."""
    chosen = task.recommendation["chosen"]
    clean = task.measurements[(task.measurements.measure == score.name) & (task.measurements.family == "performance")]
    rows = int(clean.num_samples.max())
    seeds = chosen["num_seeds"]
    trained = "one network from outside" if chosen["method"] == IMPORTED else f"{seeds} {plural(seeds, 'seed')}"
    yield f"{trained}, judged on {rows:,} test rows that had no part in training or in the choice"
    tied = len(task.recommendation["tied"])
    if tied:
        yield f"{tied} {plural(tied, 'other configuration is', 'other configurations are')} tied with it"
    if lost := sum(entry["num_lost"] for entry in task.recommendation["lost"]):
        yield f"{lost} planned {plural(lost, 'network')} gave no result"


def _tried(task: TaskInputs) -> set[str]:
    """Groups of disturbances that were measured."""
    disturbed = task.measurements[task.measurements.family.isin(DISTURBANCES)]
    return {condition_named(name).group for name in disturbed.condition.unique() if name}
