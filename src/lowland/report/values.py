"""A value of any measure as people read it."""

from __future__ import annotations

from lowland.report.score_text import NO_NUMBER, ScoreText
from lowland.report.style import MINUS
from lowland.scores import deterioration
from lowland.vocabulary.labels import level_text, number_text
from lowland.vocabulary.measures import MEASURES, SCORES

_UNITS = {"1": "", "bit": " bits", "nat": " nats", "degree": "°"}


def display(value: float | None, measure: str, score: ScoreText, *, condition: str = "") -> str:
    """A value as people read it: bits with separators, half-lives in the unit of their levels, scores in their own way.

    Args:
        value: None or NaN where there is none.
        measure: A key of ``MEASURES``, or the score.
        score: Of the task.
        condition: Under which it was taken.
    """
    if value is None or value != value:
        return NO_NUMBER
    if measure in (score.name, "score_after_search"):
        return score.text(value)
    if measure == "half_life":
        return level_text(condition, value)
    if measure in (deterioration(score.name) if score.name in SCORES else "", "gain_over_guess"):
        return score.change(value)
    if MEASURES[measure].is_rate:
        return f"{100 * value:.2g} %"
    if MEASURES[measure].families == ("cost",) or MEASURES[measure].unit == "bit":
        return f"{value:,.0f}{_UNITS[MEASURES[measure].unit]}"
    sign = MINUS if value < 0 else ""
    return f"{sign}{number_text(abs(value))}{_UNITS.get(MEASURES[measure].unit, '')}"
