"""Which bits matter: every bit flipped one at a time, what protection is worth, and whether rankings find them."""

from __future__ import annotations

from typing import Any

from lowland.analysis.rankings import ranking_verdicts
from lowland.analysis.single_bits import RecipeBits, single_bits
from lowland.report.figure_registry import FigureRegistry
from lowland.report.figures import PICTURES, recall_figure
from lowland.report.figures.pictures import OF_BITS
from lowland.report.inputs import ReportInputs, TaskInputs
from lowland.report.section import Section
from lowland.report.sentences.rankings import ranking_sentence
from lowland.report.sentences.single_bits import bit_sentences


class Bits(Section):
    """Single bits."""

    name, title = "bits", "Which bits matter"
    is_detail = True

    def applies(self, inputs: ReportInputs) -> bool:
        """Where single bits were looked at, or rankings of them compared."""
        return any(_is_known(task) for task in inputs.tasks)

    def context(self, inputs: ReportInputs, figures: FigureRegistry) -> dict[str, Any]:
        """``tasks`` of which something is known, and on how many ``rows`` all bits were tried, if all are of one."""
        tasks = [_task(task, figures) for task in inputs.tasks if _is_known(task)]
        return {"tasks": tasks, "rows": tasks[0]["rows"] if len(inputs.tasks) == 1 else None}


def _bits(task: TaskInputs) -> RecipeBits | None:
    return single_bits(
        task.measurements,
        task.tables.pictures,
        recipes=task.style.recipes,
        precisions=task.style.precisions,
        preferred=task.recipe,
    )


def _is_known(task: TaskInputs) -> bool:
    return bool(_bits(task) or ranking_verdicts(task.measurements))


def _task(task: TaskInputs, figures: FigureRegistry) -> dict[str, Any]:
    style, bits, rankings = task.style, _bits(task), ranking_verdicts(task.measurements)
    drawn = {}
    for kind in OF_BITS:
        if len(table := task.picture(kind)):
            figure = PICTURES[kind](table, style=style, recipe=task.recipe)
            drawn[kind] = figures.add(f"{kind}-{task.name}", figure, linked=f"recipe-{task.name}")
    recall = figures.add(f"recall-{task.name}", recall_figure(task.measurements, style=style)) if rankings else ""
    networks = [(each.precision, bit_sentences(each, style.score)) for each in bits.networks] if bits else []
    return {
        "name": task.name,
        "score": style.score,
        "recipe": bits.recipe if bits else "",
        "which": _which(bits, task),
        "networks": networks,
        "figures": drawn,
        "rows": _map_rows(task),
        "recall": recall,
        "rankings": [ranking_sentence(verdict) for verdict in rankings],
        "first": rankings[0] if rankings else None,
    }


def _which(bits: RecipeBits | None, task: TaskInputs) -> str:
    """Which recipe it is that is looked at."""
    if bits is None or not bits.preferred:
        return "first recipe that was looked at"
    found = task.recommendation
    return f"{'recommended' if found['chosen'] else 'nearest' if found['nearest'] else 'best'} recipe"


def _map_rows(task: TaskInputs) -> int | None:
    """On how many rows every single bit was tried, if the tables say so."""
    for kind in OF_BITS:
        table = task.picture(kind)
        if "num_rows" in table and table.num_rows.notna().any():
            return int(table.num_rows.min())
    return None
