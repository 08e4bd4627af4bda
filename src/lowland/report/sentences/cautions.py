"""What an engineer must know before deploying, in a few short sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lowland.decision.references import guess_of
from lowland.measurements import IMPORTED
from lowland.report.score_text import ScoreText
from lowland.report.words import capital, listed

_WHY = {"non_finite": "training diverged", "failed": "no result", "timeout": "took too long"}
_MANY = 6  # trainings named one by one


def cautions(recommendation: Mapping[str, Any], score: ScoreText) -> list[str]:
    """Sentences that belong beside the answer, the gravest first; none where all is well.

    Args:
        recommendation: Of one task, from ``recommend``.
        score: Of the task.
    """
    return [
        *_of_the_choice(recommendation["chosen"]),
        *_behind(recommendation, score),
        *still_falling_words(recommendation["still_falling"]),
        *lost_words(recommendation["lost"]),
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
    sentences = []
    if trained:
        sentences.append(f"The validation loss of {_named(trained)} still fell when training ended: train longer.")
    if tuned:
        sentences.append(
            f"So did that of fine-tuning {_named(tuned)}."
            if trained
            else f"The validation loss of {_named(tuned)} still fell when fine-tuning ended: tune longer."
        )
    return sentences


def references_words(references: list[dict[str, Any]], score: ScoreText) -> str:
    """The scores of guess and references on the same rows, such as ``guessing 57.0 %``; may be empty."""
    return ", ".join(f"{r['label']} {score.text(r['score'])}" for r in references if r["score"] is not None)


def _of_the_choice(chosen: Mapping[str, Any] | None) -> list[str]:
    if chosen is None:
        return []
    sentences = []
    if chosen["num_seeds"] < chosen["num_planned"]:
        lost = chosen["num_planned"] - chosen["num_seeds"]
        sentences.append(
            f"It lost {lost} of {chosen['num_planned']} seeds; its scores are those of the "
            f"{'survivor' if chosen['num_seeds'] == 1 else 'survivors'} and flatter it."
        )
    gain = chosen["gain_over_guess"]
    if gain is None:
        sentences.append("Whether it learned more than guessing was not measured.")
    elif gain["idle_seeds"]:
        seeds = listed(gain["idle_seeds"])
        sentences.append(
            f"On {'its' if len(gain['idle_seeds']) == 1 else 'their'} own, {seeds} learned no more than guessing."
        )
    missed = unconfirmed(chosen)
    if missed:
        sentences.append(
            f"On the test rows, which had no part in the choice, it misses what is required of {listed(missed)}; "
            "on the rows that chose it, it did not."
        )
    return sentences


def unconfirmed(chosen: Mapping[str, Any]) -> list[str]:
    """The requirements that a configuration met where it was chosen and misses on the rows that are told, by label."""
    numbers = chosen["numbers"].values()
    return [n["label"] for n in numbers if n.get("met", "no") != "no" and n["confirmed"] == "no"]


def _behind(recommendation: Mapping[str, Any], score: ScoreText) -> list[str]:
    ahead = recommendation["reference_ahead"]
    if ahead is None or guess_of(recommendation["references"]) is None:
        return []
    best = recommendation["chosen"] or recommendation["nearest"] or recommendation["best"]
    reached = score.text(best["numbers"]["score"]["mean"])
    if best["method"] == IMPORTED:
        return [
            f"{capital(ahead['label'])} reaches {score.text(ahead['score'])} on the same rows, far better than "
            f"{reached}. Are the network's inputs prepared as where it was trained, in the same order, and do the "
            "classes stand in the order of its outputs?"
        ]
    return [
        f"{capital(ahead['label'])} reaches {score.text(ahead['score'])} on the same rows, far better than {reached}: "
        f"there is more to learn. Train longer or on more rows."
    ]


def _named(names: list[str]) -> str:
    rest = len(names) - _MANY
    return listed(names) if rest <= 0 else listed([*names[:_MANY], f"{rest} more"])
