"""What it can never lose: what is proved of networks, and of what."""

from __future__ import annotations

from typing import Any

from lowland.analysis.certificates import CertifiedCell, certified_cells, rounding_lines
from lowland.report.figure_registry import FigureRegistry
from lowland.report.figures import PICTURES
from lowland.report.figures.safe_rows import rounding_figure
from lowland.report.inputs import ReportInputs, TaskInputs
from lowland.report.section import Section
from lowland.report.sentences.certificates import STORED, certificate_sentences, share_text

PICTURE = "upset_safety"
_LINES = ("#0b3c74", "#dd6b12", "#149471", "#c2508a", "#7b3fa0", "#5b6474", "#5bb8ec", "#b3261e")


class Certified(Section):
    """Certificates."""

    name, title = "certified", "What it can never lose"

    def applies(self, inputs: ReportInputs) -> bool:
        """Where anything was proved."""
        return any(certified_cells(task.measurements) for task in inputs.tasks)

    def context(self, inputs: ReportInputs, figures: FigureRegistry) -> dict[str, Any]:
        """``tasks`` of which something is proved."""
        return {"tasks": [_task(task, figures) for task in inputs.tasks if certified_cells(task.measurements)]}


def _task(task: TaskInputs, figures: FigureRegistry) -> dict[str, Any]:
    cells = certified_cells(task.measurements)
    recipes = list(dict.fromkeys(cell.recipe for cell in cells))
    recipe = task.recipe if task.recipe in recipes else recipes[0]
    order = {name: number for number, name in enumerate(task.style.precisions)}
    own = sorted((cell for cell in cells if cell.recipe == recipe), key=lambda cell: order[cell.precision])
    first = {cell.precision: cell for cell in reversed(own)}
    told = [(name, certificate_sentences(first[name], _bits(task, first[name]))) for name in order if name in first]
    return {
        "name": task.name,
        "recipe": recipe,
        "networks": [(name, sentences) for name, sentences in told if sentences],
        "rows": [_row(task, cell) for cell in cells if cell.value("upset_safe_share", STORED) is not None],
        "figures": _figures(task, figures),
    }


def _figures(task: TaskInputs, figures: FigureRegistry) -> dict[str, Any]:
    drawn: dict[str, Any] = {}
    if len(table := task.picture(PICTURE)):
        figure = PICTURES[PICTURE](table, style=task.style, recipe=task.recipe)
        drawn["safe"] = figures.add(f"{PICTURE}-{task.name}", figure, linked=f"recipe-{task.name}")
    lines = rounding_lines(task.measurements, task.measurements.recipe)
    if lines.bits.nunique() > 1:
        names = list(dict.fromkeys(lines["line"]))
        colours = {name: _LINES[number % len(_LINES)] for number, name in enumerate(names)}
        drawn["rounding"] = figures.add(f"rounding-{task.name}", rounding_figure(lines, colours=colours))
    return drawn


def _bits(task: TaskInputs, cell: CertifiedCell) -> int | None:
    """How many bits a cell stores its weights and biases in, if its picture says so."""
    table = task.picture(PICTURE)
    if not len(table):
        return None
    own = table[(table.recipe == cell.recipe) & (table.precision == cell.precision) & (table.seed == cell.seed)]
    return int(own.num_bits.iloc[0]) if len(own) else None


def _row(task: TaskInputs, cell: CertifiedCell) -> dict[str, Any]:
    """A row of the table: one network."""
    shares = [
        cell.value("upset_safe_share", target)
        for target in (STORED, "weights+biases+scales+tables", "weights+biases+activations")
    ]
    plans = []
    for share in cell.levels("protection_bits", STORED):
        count = cell.value("protection_bits", STORED, share)
        after = cell.value("protected_safe_share", STORED, share)
        plans.append((share, count, after))
    return {
        "recipe": cell.recipe,
        "precision": cell.precision,
        "seed": cell.seed,
        "bits": _bits(task, cell),
        "shares": ["" if share is None else share_text(share) for share in shares],
        "plans": [(f"{100 * share:g} %", f"{count:,.0f}", share_text(after or 0.0)) for share, count, after in plans],
    }
