"""How the configuration was chosen, or why none was, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lowland.analysis.criteria import SIZE
from lowland.report.score_text import ScoreText
from lowland.report.values import display
from lowland.report.words import plural
from lowland.vocabulary.measures import MEASURES


def choice_sentences(recommendation: Mapping[str, Any], score: ScoreText) -> list[str]:
    """How it came to the choice; nothing where nothing was chosen.

    Args:
        recommendation: Of one task, from ``recommend``.
        score: Of the task.
    """
    how = recommendation["chosen_by"]
    if how is None:
        return []
    every, competing = recommendation["num_configurations"], how["num_competing"]
    if recommendation["requirements"]:
        sentences = [f"{competing} of {every} configurations meet every requirement."]
    else:
        who = f"all {competing}" if competing == every else f"{competing} of {every}"
        sentences = [f"Nothing is required; {who} configurations compete."]
    if idle := how["num_not_beating_guess"]:
        sentences.append(f"{idle} did not beat the guess.")
    if behind := how["num_behind"]:
        sentences.append(f"{behind} lost a seed and {plural(behind, 'ranks', 'rank')} behind.")
    for step in how["steps"]:
        left = "one" if step["num_left"] == 1 else f"{step['num_left']} that it cannot tell apart"
        best = display(step["best"], step["measure"], score, condition=step["condition"])
        better = "smallest" if step["name"] == SIZE.name else _best(step)
        sentences.append(f"Of these {step['num_before']}, the {better} {step['label']} ({best}) leaves {left}.")
    if last := how["tie_break"]:
        tied = 1 + len(recommendation["tied"])
        sentences.append(f"These {tied} are tied; the one with the {_best(last)} mean {last['label']} is named.")
    return sentences


def blocked_sentence(recommendation: Mapping[str, Any], score: ScoreText) -> str:
    """Why nothing was chosen; empty where something was.

    Args:
        recommendation: Of one task, from ``recommend``.
        score: Of the task.
    """
    blocked = recommendation["blocked_by"]
    if blocked is None:
        return ""
    guilty = [r for r in recommendation["requirements"] if r["parameter"] in blocked["requirements"]]
    match blocked["reason"]:
        case "guessing":
            return "What meets the requirements learned no more than guessing."
        case "preference_without_number":
            return (
                f"Where the requirements are met, a number is missing for the {score.label} or for what is preferred."
            )
        case "requirement_without_number":
            which = " or ".join(r["label"] for r in guilty)
            return f"No configuration has a number for {which}: that part of the study was not run, or it failed."
        case "unmet":
            which = " or ".join(asked(r, score) for r in guilty)
            return f"No configuration meets {which} even on its own."
        case _:
            known = {r["parameter"]: asked(r, score) for r in recommendation["requirements"]}
            together = [" and ".join(known[p] for p in group) + " together" for group in blocked["conflicts"]]
            return f"Each requirement is met by some configuration, but none meets {', nor '.join(together)}."


def asked(requirement: Mapping[str, Any], score: ScoreText) -> str:
    """A requirement, such as ``clean accuracy ≥ 70.0 %``.

    Args:
        requirement: One of the recommendation's ``requirements``, or its ``tightest``.
        score: Of the task.
    """
    sign = "\N{GREATER-THAN OR EQUAL TO}" if requirement["higher_is_better"] else "\N{LESS-THAN OR EQUAL TO}"
    limit = display(requirement["threshold"], requirement["measure"], score, condition=requirement["condition"])
    return f"{requirement['label']} {sign} {limit}"


def least_to_spare(tightest: Mapping[str, Any] | None, score: ScoreText) -> str:
    """The requirement with the least to spare; empty where nothing is required.

    Args:
        tightest: The recommendation's.
        score: Of the task.
    """
    if tightest is None:
        return ""
    spare, label = tightest["to_spare"], tightest["label"]
    room = display(abs(spare), tightest["measure"], score, condition=tightest["condition"])
    if tightest["name"] == SIZE.name:
        if spare < 0:
            return f"Largest seed: {room} more than allowed."
    elif tightest["measure"] == score.name:
        room = score.change(abs(spare))
    is_share = score.is_share if tightest["measure"] == score.name else MEASURES[tightest["measure"]].is_rate
    if is_share:
        room = f"{100 * abs(spare):.1f} percentage points"
    if spare < 0:
        return f"Least certain: {label}, where the worse end of the interval misses the limit by {room}."
    end = "free" if tightest["name"] == SIZE.name else "to the limit"
    return f"Least to spare: {label}, where even the worse end of the interval keeps {room} {end}."


def _best(criterion: Mapping[str, Any]) -> str:
    """The good end of its values."""
    return "highest" if criterion["higher_is_better"] else "lowest"
