"""What a study left open and what more safety would cost, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lowland.decision.undecided import LEAST_SEEDS, MOST_SEEDS
from lowland.report.score_text import ScoreText
from lowland.report.sentences.choice import asked
from lowland.report.words import plural


def open_question(entry: Mapping[str, Any], score: ScoreText) -> str:
    """What could not be settled, and what would settle it.

    Args:
        entry: One of the recommendation's ``undecided``.
        score: Of the task.
    """
    if entry["kind"] == "tie":
        what = f"By {entry['label']}, {entry['recipe']} at {entry['precision']} may be as good or better"
    elif entry["kind"] == "rival":
        other = f"{entry['recipe']} at {entry['precision']}"
        what = f"{other} would be chosen if {asked(entry, score)} were sure; its interval reaches across"
    else:
        what = f"The limit of {asked(entry, score)} lies within the interval"
    return f"{what}: {_settled_by(entry)}."


def _settled_by(entry: Mapping[str, Any]) -> str:
    factor, seeds, lost = entry["rows_factor"], entry["seeds"], entry["lost"]
    if lost:
        return f"{lost} {plural(lost, 'seed')} gave no number; run what failed again before anything else"
    if seeds == LEAST_SEEDS:
        return "a second seed would begin to settle it, for one does not tell how far seeds spread"
    rows = "" if factor is None else f"about {max(1.1, factor):.1f} times the test rows"
    if seeds is None and rows:
        return f"{rows} would settle it; more seeds alone would not"
    if seeds is not None:
        needed = f"{seeds} seeds in all" + (f" and {rows}" if rows else "")
        return f"{needed} would settle it, if means and spreads stay as they are"
    return f"more than {MOST_SEEDS} seeds would be needed, so that it makes no difference worth measuring"


def safer_sentence(entry: Mapping[str, Any], requirements: Sequence[Mapping[str, Any]], score: ScoreText) -> str:
    """What a configuration that keeps more to the limits costs.

    Args:
        entry: One of the recommendation's ``safer``.
        requirements: Those of the recommendation.
        score: Of the task.
    """
    tightest = next(r for r in requirements if r["parameter"] == entry["parameter"])
    size, change = entry["size_factor"], entry["score_change"]
    more = f"{score.change(abs(change))} {'more' if change > 0 else 'less'} {score.label}"
    cost = "at the same size" if abs(size - 1) < 0.01 else f"at {size:.2f} times the size"
    return (
        f"{entry['recipe']} at {entry['precision']} keeps {_part(entry['margin'])} to its tightest limit "
        f"({tightest['label']}) in place of {_part(entry['margin_now'])}, {cost} and with {more}."
    )


def _part(margin: float | None) -> str:
    """A margin relative to its limit, at the worse end of the interval."""
    return "an unknown part" if margin is None else f"{100 * margin:+.1f} %".replace("-", "\N{MINUS SIGN}")
