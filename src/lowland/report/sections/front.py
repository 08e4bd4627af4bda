"""Size, score and robustness: the Pareto front, and the clean score of every configuration."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lowland.analysis.criteria import CLEAN, SIZE, clean_criterion
from lowland.analysis.over_seeds import configurations
from lowland.report.figure_registry import FigureRegistry
from lowland.report.figures import pareto_figure
from lowland.report.inputs import ReportInputs, TaskInputs
from lowland.report.section import Section
from lowland.report.sentences.volume import volume_sentences
from lowland.report.style import DASH


class Front(Section):
    """What can be had at once."""

    name, title = "front", "Size, score, robustness"

    def applies(self, inputs: ReportInputs) -> bool:
        """Where there is something to choose between."""
        return not inputs.imported

    def heading(self, inputs: ReportInputs) -> str:
        """With the score by its name, where all tasks have the same."""
        return f"Size, {inputs.quality}, robustness"

    def context(self, inputs: ReportInputs, figures: FigureRegistry) -> dict[str, Any]:
        """``heading`` and ``tasks``, each with the figure of its front and the table of its clean scores."""
        return {"heading": self.heading(inputs), "tasks": [_task(task, figures) for task in inputs.tasks]}


def _task(task: TaskInputs, figures: FigureRegistry) -> dict[str, Any]:
    found = task.recommendation
    framed = "chosen" if found["chosen"] else "nearest" if found["nearest"] else "best" if found["best"] else ""
    return {
        "name": task.name,
        "score": task.style.score,
        "style": task.style,
        "figure": _figure(task, figures),
        "volume": volume_sentences(
            task.tables.hypervolume, _first(task.tables.pareto) if len(task.tables.pareto) else None
        ),
        "operations": _on_front_by_operations(task),
        "table": _scores(task),
        "references": [r for r in found["references"] if r["score"] is not None],
        "framed": framed,
        "is_whole": task.size.alive == task.size.cells,
    }


def _figure(task: TaskInputs, figures: FigureRegistry) -> str:
    pareto, chosen = task.tables.pareto, task.recommendation["chosen"]
    if not len(pareto):
        return ""
    ringed = (chosen["recipe"], chosen["precision"]) if chosen else None
    figure = pareto_figure(pareto, style=task.style, chosen=ringed, robustness=_first(pareto))
    return figures.add(f"pareto-{task.name}", figure)


def _on_front_by_operations(task: TaskInputs) -> list[str]:
    """What is on the front shown first when bit operations stand in the place of the size; empty if not known."""
    pareto = task.tables.pareto
    if not len(pareto) or "standing_by_operations" not in pareto:
        return []
    rows = pareto[(pareto.robustness == _first(pareto)) & (pareto.standing_by_operations == "front")]
    return [f"{recipe} at {precision}" for recipe, precision in zip(rows.recipe, rows.precision, strict=True)]


def _first(pareto: pd.DataFrame) -> str | None:
    """The front shown first: bit errors if measured, for they are what the clean score says nothing about."""
    names = list(dict.fromkeys(pareto.robustness)) if len(pareto) else []
    wanted = f"{CLEAN}_bit_error_rate"
    return wanted if wanted in names else (names[0] if names else None)


def _scores(task: TaskInputs) -> dict[str, Any]:
    """Clean score of every configuration, recipes by precisions, with the size of each precision."""
    score, rows, subject = task.style.score, task.measurements, task.subject
    numbers = configurations(rows, [clean_criterion(score), SIZE])
    sizes = numbers[numbers.criterion == SIZE.name].groupby("precision", sort=False)["mean"].median()
    clean = numbers[numbers.criterion == CLEAN]
    known = {(r.recipe, r.precision): r for r in clean.itertuples()}
    planned = rows.loc[rows.seed != "pairs", "seed"].nunique()
    whole = clean[clean.num_seeds == planned].groupby("precision", sort=False)["mean"]  # survivors do not compete
    best = whole.max() if score.higher_is_better else whole.min()
    framed = (subject["recipe"], subject["precision"]) if subject else None
    table = []
    for recipe in task.style.recipes:
        cells = []
        for precision in task.style.precisions:
            entry = known.get((recipe, precision))
            cell = _cell(entry, planned, task)
            cell["best"] = entry is not None and not cell["lost"] and entry.mean == best.get(precision)
            cell["framed"] = (recipe, precision) == framed
            cells.append(cell)
        table.append((recipe, cells))
    shown = [DASH if sizes[p] != sizes[p] else f"{sizes[p]:,.0f}" for p in task.style.precisions]
    return {"sizes": shown, "rows": table, "planned": planned}


def _cell(entry: Any, planned: int, task: TaskInputs) -> dict[str, Any]:
    """One mean with its interval, and how many seeds it is of where some were lost."""
    score = task.style.score
    if entry is None:
        return {"shown": DASH, "interval": "", "lost": ""}
    return {
        "shown": DASH if entry.mean != entry.mean else score.bare(entry.mean),
        "interval": "" if entry.low != entry.low else f"{score.bare(entry.low)} to {score.bare(entry.high)}",
        "lost": "" if entry.num_seeds == planned else f"{entry.num_seeds} of {planned} seeds",
    }
