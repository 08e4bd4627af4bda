"""Numbers of docs/shift.md from a finished study and from what its networks answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.shift.loader import LABEL_SHIFT, NOMINAL
from lowland.analysis.intervals import normal_quantile
from lowland.analysis.stability import ALL_SHIFTED, changed_answers, detectors
from lowland.disagreement import MarkedScores, mean_detection_auroc, share_among_least_sure
from lowland.estimate import Estimate
from scripts.shift_answers_of_task import TaskAnswers, place_weights
from scripts.shift_table_rows import coverage_areas, mean_of

LEAST_SURE = 0.1


def shift_rows(answers: TaskAnswers) -> list[dict[str, Any]]:
    """First question, a row a precision: churn on nominal and shifted data, difference, accuracy lost, sets above."""
    found = []
    places, sets = place_weights(answers), len(answers.sets)
    for precision in dict.fromkeys(answers.cells.precision):
        chosen = answers.where(precision=precision)
        marks = torch.stack([answers.disagree[:, chosen].double().mean(1), answers.lost[:, chosen].mean(1)], 1)
        churn = torch.stack([places, torch.zeros_like(places)], 2)
        lost = torch.stack([torch.zeros_like(places), places], 2)[:2]
        each = torch.zeros(sets, sets, 2)
        for number, name in enumerate(answers.sets):
            if name == NOMINAL:
                continue
            each[number, number, 0], each[number, answers.sets.index(NOMINAL), 0] = 1.0, -1.0
        nominal, shifted, difference, *rest = answers.contrasts(marks, torch.cat([churn, lost, each]))
        by_set = [rest[2 + number] for number in answers.shifted]
        found.append(
            {
                "precision": precision,
                "role": answers.role(precision),
                "networks": len(chosen),
                "nominal": nominal,
                "shifted": shifted,
                "difference": difference,
                "verdict": _beyond(difference),
                "lost": rest[:2],
                "sets": len(by_set),
                "labels": rest[2 + answers.sets.index(LABEL_SHIFT)] if LABEL_SHIFT in answers.sets else None,
                "above": sum(each.value > 0 for each in by_set),
                "surely_above": sum(_beyond(each) > 0 for each in by_set),
                "surely_below": sum(_beyond(each) < 0 for each in by_set),
            }
        )
    return found


def training_rows(answers: TaskAnswers) -> list[dict[str, Any]]:
    """Second question: fine-tuned with quantizers (first recipe) against other recipes quantized after training.

    A row a pair of equal widths: churn of both on shifted sets, the difference on nominal and shifted data, accuracy
    lost, and in how many seeds the first one changes fewer answers.
    """
    cells, places = answers.cells, place_weights(answers)
    found = []
    first = cells.recipe.iloc[0]
    for tuned in dict.fromkeys(cells.precision[cells.method == "qat"]):
        widths = cells[cells.precision == tuned].iloc[0]
        same = (cells.method == "ptq") & (cells.weight_bits.round() == round(float(widths.weight_bits)))
        same &= cells.activation_bits.round() == round(float(widths.activation_bits))
        for other in dict.fromkeys(cells.precision[same]):
            for recipe in dict.fromkeys(cells.recipe):
                ours = answers.where(recipe=first, precision=tuned)
                theirs = answers.where(recipe=recipe, precision=other)
                if not ours or not theirs:
                    continue
                marks = torch.stack(
                    [answers.disagree[:, chosen].double().mean(1) for chosen in (ours, theirs)]
                    + [answers.lost[:, chosen].mean(1) for chosen in (ours, theirs)],
                    1,
                )
                weights = torch.zeros(6, len(answers.sets), 4)
                weights[0, :, 0] = weights[2, :, 2] = places[1]
                weights[1, :, 1] = weights[3, :, 3] = places[1]
                for row, place in ((4, 0), (5, 1)):
                    weights[row, :, 0], weights[row, :, 1] = places[place], -places[place]
                churn, rival, lost, rival_lost, nominal, shifted = answers.contrasts(marks, weights)
                found.append(
                    {
                        "first": f"{first}, {tuned}",
                        "second": f"{recipe}, {other}",
                        "control": other in answers.controls,
                        "churn": (churn, rival),
                        "lost": (lost, rival_lost),
                        "nominal": nominal,
                        "shifted": shifted,
                        "verdict": _beyond(shifted if answers.shifted else nominal),
                        "seeds": _seeds_below(answers, ours, theirs),
                    }
                )
    return found


def _seeds_below(answers: TaskAnswers, ours: Sequence[int], theirs: Sequence[int]) -> tuple[int, int]:
    """In how many of the common seeds the first network changes fewer answers on the mean over shifted sets."""
    shares = place_weights(answers)[1].double()
    means = torch.zeros(len(answers.sets), len(answers.cells), dtype=torch.float64)
    sizes = torch.bincount(answers.set_numbers, minlength=len(answers.sets)).double().unsqueeze(1)
    means = means.index_add_(0, answers.set_numbers, answers.disagree.double()) / sizes
    churn = (shares.unsqueeze(1) * means).sum(0)
    sides = [{answers.cells.seed[number]: float(churn[number]) for number in side} for side in (ours, theirs)]
    common = [seed for seed in sides[0] if seed in sides[1]]
    return sum(sides[0][seed] < sides[1][seed] for seed in common), len(common)


def detector_rows(answers: TaskAnswers, table: pd.DataFrame) -> list[dict[str, Any]]:
    """Third question, a row a measure: area over all sets, the margin less it, DeLong's counts, the least sure rows.

    And the area under churn and coverage beside what it is by chance, ``None`` where no set has ten differing answers.

    Args:
        answers: Of the task.
        table: The long table, of test rows.
    """
    if not answers.counted:
        return []
    own = torch.tensor([name != LABEL_SHIFT for name in answers.sets])[answers.set_numbers]  # nominal rows once more
    scored = [
        ({name: values[own] for name, values in answers.scores[number].items()}, answers.disagree[own, number])
        for number in answers.counted
    ]
    networks = [MarkedScores(*each) for each in scored]
    found = mean_detection_auroc(networks, answers.sources[own], key=("shift page", answers.name))
    precisions = [name for name in table.precision.unique() if not answers.role(name)]
    of_task = table[table.task == answers.name]
    counts = detectors(of_task, precisions=precisions).set_index("detector")
    areas = coverage_areas(of_task[of_task.precision.isin(precisions)])
    rows = []
    for name, (area, ahead) in found.items():
        shares = [share_among_least_sure(scores[name], disagree, share=LEAST_SURE) for scores, disagree in scored]
        known = counts.loc[[name]].iloc[0] if name in counts.index else None
        told = "" if known is None else f"{int(known.first_ahead)} / {int(known.first_behind)} of {int(known.compared)}"
        rows.append(
            {
                "name": name,
                "area": area,
                "ahead": ahead,
                "verdict": _beyond(ahead),
                "share": float(np.nanmean(shares)) if np.isfinite(shares).any() else float("nan"),
                "delong": told,
                "coverage": areas.get(name),
            }
        )
    return rows


def accuracy_row(answers: TaskAnswers, table: pd.DataFrame) -> dict[str, Any]:
    """Accuracy of the float networks and how much two seeds of them differ, on nominal and shifted data."""
    marks = answers.float_right.double().mean(1, keepdim=True)
    nominal, shifted, _ = answers.contrasts(marks, place_weights(answers).unsqueeze(2))
    floats = table[(table.task == answers.name) & (table.method == "float")]
    changes = changed_answers(floats[~floats.precision.isin(answers.controls)])
    seeds = changes[(changes.reference_kind == "seed") & (changes.measure == "churn") & (changes.status == "ok")]
    return {
        "task": answers.name,
        "networks": len(answers.cells),
        "sets": len(answers.shifted),
        "rows": len(answers.sources),
        "sources": len(answers.sources.unique()),
        "nominal": nominal,
        "shifted": shifted,
        "seeds": mean_of(seeds[seeds.condition == ""].value),
        "seeds_shifted": mean_of(seeds[~seeds.condition.isin(["", ALL_SHIFTED])].value),
    }


def _beyond(estimate: Estimate) -> int:
    """1 or -1 where the 95 % interval lies above or below 0, else 0."""
    half = normal_quantile(0.95) * estimate.standard_error
    if estimate.status != "ok" or abs(estimate.value) <= half or not estimate.value:
        return 0
    return 1 if estimate.value > 0 else -1
