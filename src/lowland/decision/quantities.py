"""Any measure under any condition as a criterion: its name, its label and its direction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from lowland.analysis.criteria import CLEAN, Criterion
from lowland.analysis.score import Score
from lowland.vocabulary.conditions import condition_named
from lowland.vocabulary.families import SCORED, Family
from lowland.vocabulary.labels import condition_label, level_text, number_text
from lowland.vocabulary.levels import NO_LEVEL, PER_CENT
from lowland.vocabulary.measures import MEASURES

End = Literal["high", "low"]


def criterion_of(
    score: Score, measure: str, condition: str = "", target: str = "", *, level: float | None = None
) -> Criterion:
    """One measure of a cell under a condition, at one level or on average over all.

    Args:
        score: Of the task.
        measure: A key of ``MEASURES``.
        condition: Under which; empty for undisturbed samples.
        target: What it hits; empty for the whole.
        level: Strength; ``None`` for all, or where there are none.
    """
    first = CLEAN if measure == score.name else measure
    return Criterion(
        "_".join(filter(None, [first, target, condition])) + ("" if level is None else f"_{level:g}"),
        _label(score, measure, condition, target, level),
        _family(score, measure, condition),
        measure,
        condition,
        target,
        level,
        better_end(score, measure, condition) != "low",
    )


def mixture_of(score: Score, measure: str, parts: Sequence[tuple[Criterion, float]]) -> Criterion:
    """The mean of a measure over several circumstances, each with its share of the time.

    Args:
        score: Of the task.
        measure: A key of ``MEASURES``, or the score.
        parts: The measure under each (``criterion_of``), and its share; the shares sum to 1.
    """
    name = score.label if measure == score.name else MEASURES[measure].label
    first = CLEAN if measure == score.name else measure
    shares = [
        f"{100 * share:g} % {part.label.removeprefix(name).strip() if part.condition else 'undisturbed'}"
        for part, share in parts
    ]
    names = [f"{share:g}_{part.name.removeprefix(first).strip('_') or CLEAN}" for part, share in parts]
    return Criterion(
        f"{first}_mixture_{'_'.join(names)}",
        f"{name} in a mixture: {', '.join(shares)}",
        parts[0][0].family,
        measure,
        "",
        higher_is_better=parts[0][0].higher_is_better,
        parts=tuple(parts),
    )


def better_end(score: Score, measure: str, condition: str = "") -> End | None:
    """Which end of a measure is the better one; None where neither is.

    Args:
        score: Of the task.
        measure: A key of ``MEASURES``, or the score.
        condition: Under which; a half-life is the better the harder the condition was by then.
    """
    if measure in (score.name, "score_after_search"):
        return "high" if score.higher_is_better else "low"
    if measure == "half_life":
        return "low" if condition_named(condition).falls else "high"
    higher = MEASURES[measure].higher_is_better
    return None if higher is None else "high" if higher else "low"


def _family(score: Score, measure: str, condition: str) -> Family:
    """The condition's, if the measure is taken under conditions of that family; else the measure's own."""
    families = SCORED if measure == score.name else MEASURES[measure].families
    under = condition_named(condition).family if condition else families[0]
    return under if under in families else families[0]


def _label(score: Score, measure: str, condition: str, target: str, level: float | None) -> str:
    """A criterion in words."""
    name = score.label if measure == score.name else MEASURES[measure].label
    if not condition:
        if level is not None:
            return f"{name} at {number_text(level)}"
        return f"clean {name}" if measure == score.name else name
    where, unit = condition_label(condition, target), condition_named(condition).unit
    if level is None:
        averaged = unit != NO_LEVEL and measure != "half_life"
        return f"{name} under {where}" + (", mean of all levels" if averaged else "")
    if unit == PER_CENT:
        return f"{name} under {level:g} % {where}"
    if condition == "bit_error_rate":
        place = where.removeprefix(condition_label(condition).partition(",")[0]).partition(",")[0]
        return f"{name} at bit error rate {level:g}{place}"
    return f"{name} under {where}, {level_text(condition, level)}"
