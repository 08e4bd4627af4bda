"""Students under policies: a table of pairs, and what it says."""

from __future__ import annotations

from lowland.analysis.pairs import EQUALIZED, PairsOfRecipe
from lowland.report.score_text import ScoreText
from lowland.report.sentences.policies import lost_text
from lowland.vocabulary.conditions import condition_named
from lowland.vocabulary.targets import TARGETS

DETRIMENTAL, ROBUST, CONTROL = "detrimental_student", "robust_student", "control_student"
WORST, OWN, ITS_WORST = "detrimental_policy", "robust_policy", "own_worst_policy"


def policy_label(name: str) -> str:
    """A policy as the head of a column."""
    place = TARGETS[name].place if name in TARGETS else name.replace("_", " ")
    return place.removeprefix("under ")


def pair_rows(pairs: PairsOfRecipe, score: ScoreText) -> list[dict[str, object]]:
    """Rows of the table: each student with its float accuracy and, by policy, what it loses before and after.

    Args:
        pairs: Of one recipe.
        score: Of the task.
    """
    return [
        {
            "student": condition_named(student).label.removeprefix("the "),
            "accuracy": score.text(pairs.value("student_accuracy", student)),
            "cells": [
                tuple(_bare(pairs.value(measure, student, policy), score) for measure in ("pair_drop", EQUALIZED))
                for policy in pairs.policies
            ],
        }
        for student in pairs.students
    ]


def pair_sentences(pairs: PairsOfRecipe, score: ScoreText) -> list[str]:
    """What becomes of the detrimental and of the robust student, and whether they were told apart before.

    Args:
        pairs: Of one recipe.
        score: Of the task.
    """
    found = []
    harm, left = (pairs.value(measure, DETRIMENTAL, WORST) for measure in ("pair_drop", EQUALIZED))
    if harm == harm:
        sentence = (
            f"The detrimental student loses {lost_text(harm, score)} under the policy that was searched against it"
        )
        control = pairs.value("pair_drop", CONTROL, ITS_WORST)
        known = control == control
        sentence += f", the control {lost_text(control, score)} under the worst found for it." if known else "."
        if harm > 0 and left == left:
            sentence += f" {_after_equalization(harm, left, score)}"
        found.append(sentence)
    held = pairs.value("pair_drop", ROBUST, OWN)
    if held == held:
        sentence = f"The robust student loses {lost_text(held, score)} under the policy found best for it"
        under = pairs.value("pair_drop", ROBUST, ITS_WORST)
        found.append(
            f"{sentence}, {lost_text(under, score)} under the worst found for it." if under == under else f"{sentence}."
        )
    if pairs.compared:
        found.append(_equivalence(pairs))
    return found


def _after_equalization(harm: float, left: float, score: ScoreText) -> str:
    """What is left of the loss, as far as the searches tell."""
    if left <= 0:
        return "With equalized channels no policy was found under which it loses anything: channel scales did it."
    rest = " What is more than that went with channel scales." if harm > left else ""
    return (
        f"With equalized channels it still loses {lost_text(left, score)} under the worst policy found then: so much, "
        f"at least, is a property of the function.{rest}"
    )


def _equivalence(pairs: PairsOfRecipe) -> str:
    """Whether the two were equally accurate before any policy acted."""
    sure, where = "surely", ""
    if pairs.compared == 1:
        sure = "surely" if pairs.equivalent else "not surely"
    else:
        where = f" in {pairs.equivalent} of {pairs.compared} seeds"
    return (
        f"In float arithmetic the detrimental and the robust student are {sure} within one point of accuracy of each "
        f"other{where} (two one-sided tests, p < 0.05)."
    )


def _bare(value: float, score: ScoreText) -> str:
    return "" if value != value else score.bare_change(value)
