"""What becomes of the score under every disturbance, how much of each halves it, and which precision is toughest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from lowland.analysis.conditions import beside_codes, disturbances
from lowland.analysis.flip_comparison import COMPARED, LOST, compare_precisions, flip_verdicts
from lowland.analysis.half_lives import compare_half_lives, half_lives
from lowland.analysis.spoiled_shares import spoiled_shares
from lowland.report.figure_registry import FigureRegistry
from lowland.report.figures import score_curves, shift_curves
from lowland.report.inputs import ReportInputs, TaskInputs
from lowland.report.labels import method_label
from lowland.report.section import Section
from lowland.report.sentences.caveats import caveats
from lowland.report.sentences.flip_comparison import COMPARISONS, flip_sentences
from lowland.report.sentences.half_lives import half_life_row
from lowland.report.style import DASH
from lowland.vocabulary.conditions import GROUPS
from lowland.vocabulary.labels import bare_level_text, condition_label
from lowland.vocabulary.targets import codes_target


class Curves(Section):
    """The score against the strength of every disturbance."""

    name, title = "curves", "Noise and flips"
    is_detail = True

    def context(self, inputs: ReportInputs, figures: FigureRegistry) -> dict[str, Any]:
        """``tasks`` with their figures by group, half-lives and the comparison of precisions under flips."""
        return {"quality": inputs.quality, "tasks": [_task(task, figures) for task in inputs.tasks]}


def _task(task: TaskInputs, figures: FigureRegistry) -> dict[str, Any]:
    return {
        "name": task.name,
        "score": task.style.score,
        "style": task.style,
        "groups": _groups(task, figures),
        "precisions": _precisions(task),
        "half_lives": _half_lives(task),
        "flips": _flips(task),
    }


def _groups(task: TaskInputs, figures: FigureRegistry) -> list[dict[str, Any]]:
    """Every disturbance's figure, by the groups that a reader looks for."""
    rows, style = task.measurements, task.style
    scores = rows[rows.measure == style.score.name]
    found = disturbances(scores)
    notes = caveats(spoiled_shares(rows), style.score)
    groups = []
    for group, title in GROUPS.items():
        here = found[found.group == group]
        if not len(here):
            continue
        drawn = [("", _shifts(task, scores, figures))] if group == "shift" else _curves(task, scores, here, figures)
        groups.append({"title": title, "figures": drawn, "notes": notes.get(group, [])})
    return groups


def _shifts(task: TaskInputs, scores: pd.DataFrame, figures: FigureRegistry) -> Markup:
    figure = shift_curves(scores, style=task.style, recipe=task.recipe)
    return figures.add(f"shift-{task.name}", figure, linked=f"recipe-{task.name}")


def _curves(
    task: TaskInputs, scores: pd.DataFrame, found: pd.DataFrame, figures: FigureRegistry
) -> list[tuple[str, Markup]]:
    """Label and place of a figure for each disturbance."""
    together = dict(iter(beside_codes(scores).groupby(["condition", "target"], sort=False)))
    clean = scores[(scores.family == "performance") & (scores.split != "validation")]
    places = []
    for condition, target in found[["condition", "target"]].itertuples(index=False):
        rows = pd.concat([clean, together[condition, codes_target(target)]])
        figure = score_curves(rows, condition=condition, target=target, style=task.style, recipe=task.recipe)
        name = "-".join(filter(None, ["curve", task.name, condition, target]))
        place = figures.add(name, figure, linked=f"recipe-{task.name}")
        places.append((condition_label(condition, target), place))
    return places


def _precisions(task: TaskInputs) -> list[dict[str, Any]]:
    """How many bits each precision has, and how it got there."""
    columns = ["precision", "method", "weight_bits", "activation_bits"]
    rows = task.measurements[columns].drop_duplicates("precision").set_index("precision")
    found = rows.loc[list(task.style.precisions)].reset_index().to_dict("records")
    return [row | {"how": method_label(row["method"], row["weight_bits"], row["activation_bits"])} for row in found]


def _half_lives(task: TaskInputs) -> dict[str, Any] | None:
    """The half-lives of the recommended (or nearest, or first) recipe."""
    recipe = task.recipe or task.style.recipes[0]
    choosing, told = (half_lives(rows[rows.recipe == recipe]) for rows in (task.selection, task.measurements))
    found = compare_half_lives(choosing, recipe=recipe, precisions=task.style.precisions, reported=told)
    if not found:
        return None
    return {
        "recipe": recipe,
        "rows": [half_life_row(comparison) for comparison in found if not comparison.unbroken],
        "unbroken": [condition_label(each.condition, each.target) for each in found if each.unbroken],
    }


def _flips(task: TaskInputs) -> dict[str, Any] | None:
    """The score at equal numbers and at equal shares of flipped bits, precisions by levels."""
    score = task.style.score
    frame = compare_precisions(task.selection, reported=task.measurements)
    if frame.empty:
        return None
    columns = [
        (condition, level)
        for condition in COMPARED
        if (frame.condition == condition).any()
        for level in [*sorted(frame.level[frame.condition == condition].dropna().unique()), None]
    ]
    known = {(r.precision, r.condition, None if r.level != r.level else r.level): r for r in frame.itertuples()}
    rows = []
    for precision in task.style.precisions:
        entries = [known.get((precision, *column)) for column in columns]
        if any(entry is not None for entry in entries):
            rows.append((precision, [_left(entry, task) for entry in entries]))
    verdicts = flip_verdicts(frame, compare_precisions(task.selection, reported=task.measurements, of=LOST))
    return {"heads": _heads(columns), "rows": rows, "sentences": flip_sentences(verdicts, score)}


def _heads(columns: list[tuple[str, float | None]]) -> list[tuple[str, list[str]]]:
    """What is held equal, and at which levels."""
    levels: dict[str, list[str]] = {}
    for condition, level in columns:
        levels.setdefault(condition, []).append("mean" if level is None else bare_level_text(condition, level))
    return [(COMPARISONS[condition], shown) for condition, shown in levels.items()]


def _left(entry: Any, task: TaskInputs) -> Mapping[str, Any]:
    """One mean score."""
    score = task.style.score
    if entry is None or entry.mean != entry.mean:
        return {"shown": DASH, "interval": "", "best": False}
    single = entry.low != entry.low or entry.level == entry.level
    interval = "" if single else f"{score.bare(entry.low)} to {score.bare(entry.high)}"
    return {"shown": score.bare(entry.mean), "interval": interval, "best": bool(entry.tied)}
