"""What if: what would be recommended under other requirements, what safety costs, and what the study left open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lowland.analysis.criteria import SIZE
from lowland.decision.outcomes import INCOMPLETE, ON_THE_MEAN, RECOMMENDED
from lowland.report.figure_registry import FigureRegistry
from lowland.report.inputs import ReportInputs, TaskInputs
from lowland.report.score_text import ScoreText
from lowland.report.section import Section
from lowland.report.sentences.choice import asked
from lowland.report.sentences.open_questions import open_question, safer_sentence
from lowland.report.values import display
from lowland.report.words import listed

LABELS = ("without it", "looser", "tighter", "preferred")
CHANGES = ("dropped", "loosened", "tightened")
NOTES = {ON_THE_MEAN: "on the mean only", INCOMPLETE: "with seeds missing", RECOMMENDED: "then surely"}


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
    return {
        "name": task.name,
        "chosen": found["chosen"],
        "rows": _rows(found, score),
        "safer": [safer_sentence(entry, found["requirements"], score) for entry in found["safer"]],
        "asked_anything": bool(found["requirements"]),
        "open": [open_question(entry, score) for entry in found["undecided"]],
        "spread_known": found["chosen"] is not None and found["chosen"]["num_seeds"] > 1,
    }


def _rows(found: Mapping[str, Any], score: ScoreText) -> list[dict[str, Any]]:
    """A row a requirement and one for what is not required but could be preferred, with where its changes lead."""
    numbers = {need["parameter"]: place for place, need in enumerate(found["requirements"], start=1)}
    preferred = {(e["label"], e["condition"]): e for e in found["what_if"] if e["change"] == "preferred"}
    rows: list[dict[str, Any]] = []
    for need in found["requirements"]:
        own = {e["change"]: e for e in found["what_if"] if e["parameter"] == need["parameter"]}
        first = preferred.pop((need["label"], need["condition"]), None)
        changes = [*(own.get(change) for change in CHANGES), first]
        rows.append({"number": numbers[need["parameter"]], "asked": asked(need, score), "changes": changes})
    for entry in preferred.values():
        rows.append({"number": "", "asked": entry["label"], "changes": [None, None, None, entry]})
    for row in rows:
        shown = [_change(entry, found["outcome"], numbers, score) for entry in row["changes"]]
        row["changes"] = list(zip(LABELS, shown, strict=True))
    return rows


def _change(
    entry: Mapping[str, Any] | None, now: str, numbers: Mapping[str, int], score: ScoreText
) -> dict[str, Any] | None:
    """Where one change leads; None where there is no such change."""
    if entry is None:
        return None
    limit, nothing = entry["changed"], entry["recipe"] is None
    notes = [] if entry["outcome"] == now or nothing else [NOTES.get(entry["outcome"], entry["outcome"])]
    # What the present choice misses stands above; of another one it is the price.
    missed = [] if entry["same"] else [str(numbers[p]) for p in entry["misses"]]
    if missed:
        notes.append(f"{listed(missed)} not surely met")
    return {
        "limit": "" if limit is None else display(limit, entry["measure"], score, condition=entry["condition"]),
        "same": entry["same"],
        "nothing": nothing,
        "recipe": entry["recipe"],
        "precision": entry["precision"],
        "reached": "" if nothing else score.text(entry["score"]),
        "size": "" if nothing else display(entry[SIZE.name], SIZE.measure, score),
        "notes": "; ".join(notes),
    }
