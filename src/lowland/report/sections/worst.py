"""How bad can it get under dynamic quantization: worst policies, layers, channel scales, students, protections."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lowland.analysis.criteria import clean_criterion
from lowland.analysis.over_seeds import configurations
from lowland.analysis.pairs import pairs_of
from lowland.analysis.policies import gains_for_inputs, lost_through_layers, lost_to_policies, of_policies, one_level
from lowland.analysis.protections import protections
from lowland.report.figure_registry import FigureRegistry
from lowland.report.figures import PICTURES
from lowland.report.figures.policies import layer_drop_figure
from lowland.report.figures.worst_inputs import is_images
from lowland.report.inputs import ReportInputs, TaskInputs
from lowland.report.score_text import ScoreText
from lowland.report.section import Section
from lowland.report.sentences.pairs import pair_rows, pair_sentences, policy_label
from lowland.report.sentences.per_input import MEASURES, input_policy_rows, input_policy_sentence
from lowland.report.sentences.policies import (
    bits_text,
    layer_sentence,
    lost_interval,
    recipes_sentence,
    rescaling_sentence,
    search_sentence,
    worst_sentence,
)
from lowland.report.sentences.protections import protection_rows, protection_sentence
from lowland.report.sentences.stability import rate_text
from lowland.report.sentences.warnings import combined, warning_rows, warning_sentence
from lowland.report.sentences.worst_inputs import detection_sentence, input_rows, inputs_sentence

SEARCH, INPUTS = "policy_search", "worst_inputs"


class Worst(Section):
    """Policies, and what becomes of networks under them."""

    name, title = "worst", "How bad can it get under dynamic quantization?"

    def applies(self, inputs: ReportInputs) -> bool:
        """Where a worst policy was searched for and judged, or students were."""
        return any(_is_known(task) for task in inputs.tasks)

    def context(self, inputs: ReportInputs, figures: FigureRegistry) -> dict[str, Any]:
        """``tasks`` of which something is known."""
        return {"tasks": [_task(task, figures) for task in inputs.tasks if _is_known(task)]}


def _is_known(task: TaskInputs) -> bool:
    return bool(len(lost_to_policies(task.measurements)) or pairs_of(task.students))


def _task(task: TaskInputs, figures: FigureRegistry) -> dict[str, Any]:
    score = task.style.score
    pairs, signs = pairs_of(task.students), combined(task.tables.policy_warnings)
    return {
        "name": task.name,
        "score": score,
        "style": task.style,
        "cells": _cells(task, figures),
        "pairs": [
            {
                "recipe": each.recipe,
                "bits": "" if each.mean_bits is None else bits_text(each.mean_bits),
                "seeds": each.seeds,
                "policies": [policy_label(name) for name in each.policies],
                "rows": pair_rows(each, score),
                "sentences": pair_sentences(each, score),
            }
            for each in pairs
        ],
        "per_input": _per_input(task),
        "protection": _protection(task),
        "worst_inputs": _worst_inputs(task, figures),
        "warning": warning_sentence(signs),
        "signs": warning_rows(signs),
    }


def _cells(task: TaskInputs, figures: FigureRegistry) -> dict[str, Any] | None:
    """What policies cost the cells of the study."""
    table = lost_to_policies(task.measurements)
    if table.empty:
        return None
    score = task.style.score
    recipe, precision = task.subject_among(table.recipe, table.precision)
    numbers = configurations(task.measurements, [clean_criterion(score)]).set_index(["recipe", "precision"])["mean"]
    own = table[table.recipe == recipe].set_index("precision")
    rows = [own.loc[name] for name in task.style.precisions if name in own.index]
    layers = lost_through_layers(task.measurements)
    about = layers[(layers.recipe == recipe) & (layers.precision == precision)]
    subject = task.subject or {}
    searches = task.picture(SEARCH)
    return {
        "recipe": recipe,
        "precision": precision,
        "which": _which(task) if (recipe, precision) == (subject.get("recipe"), subject.get("precision")) else "A",
        "lead": worst_sentence(own.loc[precision], _clean(numbers, recipe, precision), score),
        "rows": [_row(task, row, _clean(numbers, recipe, str(row.name))) for row in rows],
        "equalized": bool(own.equalized_drop.notna().any()),
        "rescaled": bool(own.rescaled_drop.notna().any()),
        "search": search_sentence(searches),
        "layers": layer_sentence(about, one_level(about), score),
        "scales": _scales(own, precision, rows, score),
        "recipes": recipes_sentence(table, lost_to_policies(task.selection), precision, score),
        "matrix": _matrix(task, table),
        "figures": _figures(task, layers, searches, figures),
        "fewest": None if (fewest := one_level(layers)) is None else bits_text(fewest),
    }


def _which(task: TaskInputs) -> str:
    """What the configuration is that the page is about."""
    if task.recommendation["chosen"]:
        return "The recommended"
    return "The nearest" if task.recommendation["nearest"] else "The best"


def _scales(own: pd.DataFrame, precision: str, rows: list[pd.Series], score: ScoreText) -> tuple[str, str] | None:
    """What channel scales do to the network that the page is about, or to the first that was rescaled."""
    for row in (own.loc[precision], *rows):
        if sentence := rescaling_sentence(row, score):
            return str(row.name), sentence
    return None


def _clean(numbers: pd.Series, recipe: str, precision: str) -> float:
    return float(numbers.get((recipe, precision), float("nan")))


def _row(task: TaskInputs, row: Any, clean: float) -> dict[str, str]:
    """A row of the table of precisions."""
    score = task.style.score
    return {
        "precision": str(row.name),
        "clean": score.text(clean),
        "lost": _bare(task, row.policy_drop),
        "interval": lost_interval(row.policy_drop_low, row.policy_drop_high, score),
        "changed": rate_text(row.policy_broken, ""),
        "equalized": _bare(task, row.equalized_drop),
        "rescaled": _bare(task, row.rescaled_drop),
    }


def _bare(task: TaskInputs, value: float) -> str:
    """A loss without its unit, which the head of its column has; empty where there is none."""
    return "" if value != value else task.style.score.bare_change(value)


def _matrix(task: TaskInputs, table: pd.DataFrame) -> dict[str, Any] | None:
    """What all recipes lose at all precisions, where there are several recipes."""
    recipes = [name for name in task.style.recipes if name in set(table.recipe)]
    if len(recipes) < 2:
        return None
    precisions = [name for name in task.style.precisions if name in set(table.precision)]
    wide = table.pivot(index="recipe", columns="precision", values="policy_drop")
    cells = {name: [_bare(task, float(wide.loc[name, at])) for at in precisions] for name in recipes}
    return {"precisions": precisions, "rows": list(cells.items())}


def _figures(task: TaskInputs, layers: pd.DataFrame, searches: pd.DataFrame, figures: FigureRegistry) -> dict[str, Any]:
    drawn: dict[str, Any] = {}
    linked = f"recipe-{task.name}"
    if layers.target.nunique() > 1:
        rows = [name for name in task.style.precisions if name in set(layers.precision)]
        figure = layer_drop_figure(layers, style=task.style, precisions=rows, recipe=task.recipe)
        drawn["layers"] = figures.add(f"layer_drop-{task.name}", figure, linked=linked)
    if len(searches):
        figure = PICTURES[SEARCH](searches, style=task.style, recipe=task.recipe)
        drawn["search"] = figures.add(f"{SEARCH}-{task.name}", figure, linked=linked)
    return drawn


def _per_input(task: TaskInputs) -> dict[str, Any] | None:
    """Policies for each input of the configuration that the page is about, or else of the first that has any."""
    numbers = of_policies(task.measurements, MEASURES)
    searched = numbers[(numbers.measure == "input_policy_drop") & (numbers.num_seeds > 0)]
    if searched.empty:
        return None
    recipe, precision = task.subject_among(searched.recipe, searched.precision)
    own = numbers[(numbers.recipe == recipe) & (numbers.precision == precision)]
    score = task.style.score
    halves = [gains_for_inputs(rows) for rows in (task.measurements, task.selection)]
    gains, chosen = (each[(each.recipe == recipe) & (each.precision == precision)] for each in halves)
    return {
        "recipe": recipe,
        "precision": precision,
        "rows": input_policy_rows(own, score),
        "sentence": input_policy_sentence(own, gains, chosen, score),
    }


def _protection(task: TaskInputs) -> dict[str, Any] | None:
    """Protections of the configuration that the page is about, or else of the first that has any."""
    table = protections(task.measurements)
    if table.empty:
        return None
    recipe, precision = task.subject_among(table.recipe, table.precision)
    both = table, protections(task.selection)
    own, chosen = (each[(each.recipe == recipe) & (each.precision == precision)] for each in both)
    return {
        "recipe": recipe,
        "precision": precision,
        "rows": protection_rows(own, task.style.score),
        "sentence": protection_sentence(own, chosen, task.style.score),
        "seeds": int(own.num_seeds.max()),
    }


def _worst_inputs(task: TaskInputs, figures: FigureRegistry) -> dict[str, Any] | None:
    """The inputs that suffer most under the worst policy, of one network, and what tells them."""
    table = task.picture(INPUTS)
    if table.empty:
        return None
    recipe, precision = task.subject_among(table.recipe, table.precision)
    own = table[(table.recipe == recipe) & (table.precision == precision)]
    own = own[own.seed == own.seed.iloc[0]]
    areas = of_policies(task.measurements, ("broken_auroc",))
    figure = PICTURES[INPUTS](table[table.precision == precision], style=task.style, recipe=recipe)
    return {
        "recipe": recipe,
        "precision": precision,
        "rows": [] if is_images(own) else input_rows(own),
        "sentence": inputs_sentence(own),
        "told": detection_sentence(areas[(areas.recipe == recipe) & (areas.precision == precision)]),
        "figure": figures.add(f"{INPUTS}-{task.name}", figure, linked=f"recipe-{task.name}"),
    }
