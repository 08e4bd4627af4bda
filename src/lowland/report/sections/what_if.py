"""What if: what would be recommended under other requirements, what safety costs, and what the study left open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lowland.analysis.criteria import SIZE
from lowland.report.figure_registry import FigureRegistry
from lowland.report.inputs import ReportInputs, TaskInputs
from lowland.report.score_text import ScoreText
from lowland.report.section import Section
from lowland.report.sentences.choice import asked
from lowland.report.sentences.open_questions import open_question, safer_sentence
from lowland.report.values import display

CHANGES = ("dropped", "loosened", "tightened")


class WhatIf(Section):
    """The recommendation under other requirements."""

    name, title = "what_if", "What if you asked for something else?"

    def applies(self, inputs: ReportInputs) -> bool:
        """Where other requirements could lead elsewhere."""
        return any(task.recommendation["what_if"] for task in inputs.tasks)

    def context(self, inputs: ReportInputs, figures: FigureRegistry) -> dict[str, Any]:
        """``tasks``, with what would be recommended for each."""
        return {"tasks": [_task(task) for task in inputs.tasks if task.recommendation["what_if"]]}


def _task(task: TaskInputs) -> dict[str, Any]:
    found, score = task.recommendation, task.style.score
    needs = [_need(need, found["what_if"], score) for need in found["requirements"]]
    preferred = [entry for entry in found["what_if"] if entry["change"] == "preferred"]
    return {
        "name": task.name,
        "chosen": found["chosen"],
        "score": score,
        "needs": needs,
        "preferred": [{"label": entry["label"], **_leads_to(entry, score)} for entry in preferred],
        "safer": [safer_sentence(entry, found["requirements"], score) for entry in found["safer"]],
        "asked_anything": bool(found["requirements"]),
        "open": [open_question(entry, score) for entry in found["undecided"]],
    }


def _need(need: Mapping[str, Any], entries: Sequence[Mapping[str, Any]], score: ScoreText) -> dict[str, Any]:
    """A requirement, and where its changes lead."""
    own = {entry["change"]: entry for entry in entries if entry["parameter"] == need["parameter"]}
    return {
        "asked": asked(need, score),
        "changes": [_change(own.get(change), score) for change in CHANGES],
    }


def _change(entry: Mapping[str, Any] | None, score: ScoreText) -> dict[str, Any] | None:
    """One change; None where a limit cannot be moved that way."""
    if entry is None:
        return None
    limit = entry["changed"]
    return {
        "limit": "" if limit is None else display(limit, entry["measure"], score, condition=entry["condition"]),
        **_leads_to(entry, score),
    }


def _leads_to(entry: Mapping[str, Any], score: ScoreText) -> dict[str, Any]:
    """What would be recommended then."""
    nothing = entry["recipe"] is None
    return {
        "same": entry["same"],
        "nothing": nothing,
        "recipe": entry["recipe"],
        "precision": entry["precision"],
        "outcome": entry["outcome"],
        "reached": "" if nothing else score.text(entry["score"]),
        "size": "" if nothing else display(entry[SIZE.name], SIZE.measure, score),
    }
