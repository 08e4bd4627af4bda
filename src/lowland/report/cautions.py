"""What an engineer must know before deploying, in a few short sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lowland.analysis.conditions import listed
from lowland.analysis.score import Score
from lowland.decision.references import guess_of

_WHY = {"non_finite": "training diverged", "failed": "no result", "timeout": "took too long"}
_MANY = 6  # trainings named one by one


def cautions(answer: Mapping[str, Any], score: Score) -> list[str]:
    """Sentences that belong beside the answer, the gravest first; none where all is well.

    Args:
        answer: Of one task, from ``recommend``.
        score: Of the task.
    """
    return [
        *_of_the_choice(answer),
        *_behind(answer, score),
        *still_falling_words(answer["still_falling"]),
        *lost_words(answer["lost"]),
    ]


def lost_words(lost: list[dict[str, Any]]) -> list[str]:
    """How many networks gave no result, by recipe, in one sentence or none."""
    if not lost:
        return []
    parts = [
        f"{entry['recipe']} ({entry['num_lost']} of {entry['num_networks']}, "
        f"{_WHY.get(entry['status'], entry['status'].replace('_', ' '))})"
        for entry in lost
    ]
    number = sum(entry["num_lost"] for entry in lost)
    return [f"{number} network{' is' if number == 1 else 's are'} missing: {listed(parts)}."]


def still_falling_words(falling: list[dict[str, Any]]) -> list[str]:
    """Which trainings stopped too early, in one sentence each for training and fine-tuning."""
    trained = [f["recipe"] for f in falling if f["precision"] == "float"]
    tuned = [f"{f['recipe']} at {f['precision']}" for f in falling if f["precision"] != "float"]
    found = []
    if trained:
        found.append(f"The validation loss of {_named(trained)} still fell when training ended: train longer.")
    if tuned:
        found.append(
            f"So did that of fine-tuning {_named(tuned)}."
            if trained
            else f"The validation loss of {_named(tuned)} still fell when fine-tuning ended: tune longer."
        )
    return found


def references_words(references: list[dict[str, Any]], score: Score) -> str:
    """The scores of guess and references on the same rows in brackets, such as ``guessing 57.0 %``; may be empty."""
    return ", ".join(f"{r['label']} {score.text(r['score'])}" for r in references if r["score"] is not None)


def _of_the_choice(answer: Mapping[str, Any]) -> list[str]:
    chosen = answer["chosen"]
    if chosen is None:
        return []
    found = []
    if chosen["num_seeds"] < chosen["num_planned"]:
        lost = chosen["num_planned"] - chosen["num_seeds"]
        found.append(
            f"It lost {lost} of {chosen['num_planned']} seeds; its scores are those of the "
            f"{'survivor' if chosen['num_seeds'] == 1 else 'survivors'} and flatter it."
        )
    gain = chosen["gain_over_guess"]
    if gain is None:
        found.append("Whether it learned more than guessing was not measured.")
    elif gain["idle_seeds"]:
        seeds = listed(gain["idle_seeds"])
        found.append(
            f"On {'its' if len(gain['idle_seeds']) == 1 else 'their'} own, {seeds} learned no more than guessing."
        )
    return found


def _behind(answer: Mapping[str, Any], score: Score) -> list[str]:
    ahead = answer["reference_ahead"]
    if ahead is None or guess_of(answer["references"]) is None:
        return []
    label = f"{ahead['label'][0].upper()}{ahead['label'][1:]}"
    best = answer["chosen"] or answer["nearest"] or answer["best"]
    reached = score.text(best["numbers"]["score"]["mean"])
    return [
        f"{label} reaches {score.text(ahead['score'])} on the same rows, far better than {reached}: there is more to "
        f"learn. Train longer or on more rows."
    ]


def _named(names: list[str]) -> str:
    rest = len(names) - _MANY
    return listed(names) if rest <= 0 else listed([*names[:_MANY], f"{rest} more"])
