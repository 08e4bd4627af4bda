"""Does the deployed model still say the same: churn beside its noise floor, detectors, abstention, training."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from lowland.analysis.precision_roles import control_precisions, hardly_coded
from lowland.analysis.stability import (
    ALL_SHIFTED,
    FAMILY,
    NOMINAL,
    changed_answers,
    changes_of_configurations,
    detectors,
)
from lowland.report.figure_registry import FigureRegistry
from lowland.report.figures import churn_figure
from lowland.report.figures.churn import churn_points
from lowland.report.inputs import ReportInputs, TaskInputs
from lowland.report.section import Section
from lowland.report.sentences.stability import (
    abstention_sentences,
    control_sentence,
    points_text,
    rate_text,
    recipe_sentence,
    reference_sentence,
    training_sentence,
)
from lowland.vocabulary.labels import condition_label

SHOWN_SETS = 4
"""Shifted sets in the table; the others stand behind a click."""
COLUMNS = ("churn", "negative_flips", "positive_flips")


class Same(Section):
    """Churn of deployed classifiers."""

    name, title = "same", "Does the deployed model still say the same?"

    def applies(self, inputs: ReportInputs) -> bool:
        """Where a deployed network was compared with its float network."""
        return any(_compared(task.measurements) for task in inputs.tasks)

    def context(self, inputs: ReportInputs, figures: FigureRegistry) -> dict[str, Any]:
        """``tasks`` with a comparison, and the names of the ``others``."""
        return {
            "tasks": [_task(task, figures) for task in inputs.tasks if _compared(task.measurements)],
            "others": [task.name for task in inputs.tasks if not _compared(task.measurements)],
        }


def _compared(measurements: pd.DataFrame) -> bool:
    own = measurements[(measurements.family == FAMILY) & (measurements.reference_kind == "float")]
    return bool((own.status.eq("ok") & own.measure.eq("churn") & own.method.ne("float")).any())


def _task(task: TaskInputs, figures: FigureRegistry) -> dict[str, Any]:
    changes = changed_answers(task.measurements)
    means = changes_of_configurations(changes)
    recipe, precision = _subject(task, means)
    own = means[(means.recipe == recipe) & (means.precision == precision)]
    rows = task.measurements[
        (task.measurements.family == FAMILY)
        & (task.measurements.recipe == recipe)
        & (task.measurements.precision == precision)
    ]
    sets = _sets(task, own, recipe, precision)
    facts = task.measurements.drop_duplicates("precision").set_index("precision")
    widths = {
        name: (str(facts.method[name]), float(facts.weight_bits[name]), float(facts.activation_bits[name]))
        for name in task.style.precisions
    }
    as_wide = {name: width for name, width in widths.items() if width[1] == widths[precision][1]}
    controls, hardly = control_precisions(task.measurements), hardly_coded(task.measurements)
    subject = task.subject or {}
    drawn: Any = ""
    if len(churn_points(task.measurements)):
        figure = churn_figure(task.measurements, style=task.style, chosen=(recipe, precision))
        drawn = figures.add(f"churn-{task.name}", figure)
    return {
        "name": task.name,
        "recipe": recipe,
        "precision": precision,
        "is_subject": (recipe, precision) == (subject.get("recipe"), subject.get("precision")),
        "seeds": int(own[own.reference_kind == "float"].num_seeds.max()),
        "rows": sets[: SHOWN_SETS + 2],
        "others": sets[SHOWN_SETS + 2 :],
        "references": reference_sentence(own),
        "detectors": _detectors(
            task.measurements, [name for name in task.style.precisions if name not in controls | hardly.keys()]
        ),
        "left_out": _left_out(controls, hardly),
        "abstention": list(abstention_sentences(rows)),
        "recipes": recipe_sentence(means, precision),
        "training": training_sentence(changes, as_wide, controls=controls)
        or training_sentence(changes, widths, controls=controls),
        "control": control_sentence(changes, as_wide, controls) or control_sentence(changes, widths, controls),
        "figure": drawn,
    }


def _subject(task: TaskInputs, means: pd.DataFrame) -> tuple[str, str]:
    """What the page is about, if it was compared; else the first precision of its recipe that was."""
    known = means[(means.reference_kind == "float") & (means.measure == "churn") & (means.num_seeds > 0)]
    known = known[known.method != "float"]
    return task.subject_among(known.recipe, known.precision)


def _sets(task: TaskInputs, own: pd.DataFrame, recipe: str, precision: str) -> list[dict[str, Any]]:
    """Rows of the table: nominal, the mean of the shifted sets, and these, worst first as the other half tells it."""
    floats = own[own.reference_kind == "float"].set_index(["condition", "measure"])
    seeds = own[(own.reference_kind == "seed") & (own.measure == "churn")].set_index("condition")["mean"]
    other = changed_answers(task.selection[(task.selection.recipe == recipe) & (task.selection.precision == precision)])
    other = other[(other.reference_kind == "float") & (other.measure == "churn")]
    order = other.groupby("condition", sort=False).value.mean().sort_values(ascending=False, kind="stable")
    there = list(dict.fromkeys(name for name, _ in floats.index))
    shifted = [name for name in order.index if name in there and name not in (NOMINAL, ALL_SHIFTED)]
    shifted += [name for name in there if name not in (NOMINAL, ALL_SHIFTED, *shifted)]
    names = [name for name in (NOMINAL, ALL_SHIFTED) if name in there] + shifted
    found = []
    for name in names:
        churn, lost = floats.loc[(name, "churn")], floats.loc[(name, "accuracy_lost")]
        found.append(
            {
                "label": _label(name, len(shifted)),
                "rates": [rate_text(float(floats.loc[(name, measure), "mean"])) for measure in COLUMNS],
                "interval": f"{rate_text(churn.low)} to {rate_text(churn.high)}" if churn.low == churn.low else "",
                "accuracy": points_text(-float(lost["mean"]))
                if lost["mean"] == lost["mean"]
                else rate_text(float("nan")),
                "seeds": rate_text(float(seeds[name])) if name in seeds.index else "",
            }
        )
    return found


def _label(name: str, count: int) -> str:
    if name == NOMINAL:
        return "nominal rows"
    return f"mean of {count} shifted sets" if name == ALL_SHIFTED else condition_label(name)


def _left_out(controls: Collection[str], hardly: Mapping[str, float]) -> str:
    """Which precisions are in no count of detectors, and why; empty where all are."""
    parts = [f"{name} is fine-tuned without quantizers" for name in sorted(controls)]
    parts += [f"{name} codes {rate_text(share)} of the weights" for name, share in hardly.items()]
    return f"Left out: {', '.join(parts)}." if parts else ""


def _detectors(measurements: pd.DataFrame, precisions: Sequence[str]) -> list[dict[str, Any]]:
    table = detectors(measurements, precisions=precisions)
    return [
        {
            "name": row.detector.replace("_", " "),
            "nominal": _area(row.nominal),
            "shifted": _area(row.shifted),
            "areas": row.areas,
            "against": f"{row.first_ahead} / {row.first_behind} of {row.compared}" if number else "",
        }
        for number, row in enumerate(table.itertuples())
    ]


def _area(value: float) -> str:
    return "" if value != value else f"{value:.3f}"
