"""What was disturbed and how, in plain words: only what the long table holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lowland.analysis.conditions import disturbances
from lowland.vocabulary.conditions import GROUPS, condition_named

_INTRODUCTIONS = {
    "noise": "σ is the given percentage of the standard deviation that a feature has in the training data.",
    "sensors": "Faults that all rows share, as a broken or an ageing detector would have them.",
    "images": "Inputs as bad weather, bad focus, bad light or a knock against the camera makes them, in published "
    "severities from 1 to 5.",
    "texts": "Texts as unknown names, hasty typing or a limit on their length make them; per cent are of the words.",
    "attacks": "Inputs changed on purpose, by an adversary who knows the network and wants it to be wrong. The radius "
    "says how far it may go, in training standard deviations of each feature: L∞ bounds every feature by itself, L2 "
    "the length of the whole change.",
    "memory": "The integer codes of weights and biases have bits inverted: either a fixed number of them, or each bit "
    "independently with a given probability, the bit error rate. At an equal number of flips a small network has a "
    "larger share of its bits damaged; at an equal error rate a large one has more flips. Float networks have their "
    "32-bit words flipped in the same way.",
    "shift": "Test sets that come from a changed detector or another selection, without retraining.",
}

_OF_EMBEDDINGS = (
    "Of texts not the words are changed but the vectors that these stand for, and the radius is in standard deviations "
    "of the entries of a network's own embeddings."
)


def describe_disturbances(
    measurements: pd.DataFrame, readings: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """What was measured, group by group: ``group``, ``title`` and ``sentences``.

    Args:
        measurements: The long table of one task.
        readings: ``unit``, ``extremes`` and ``limits`` of the task's sensors (``lowland.tasks.Readings``); the first
            two and either end of the last may be None.
    """
    found = disturbances(measurements)
    return [
        {
            "group": group,
            "title": title,
            "sentences": [
                *_sentences(group, found[found.group == group]),
                *_own_units(group, readings or {}),
                *([_OF_EMBEDDINGS] if group == "attacks" and (found.group == "texts").any() else []),
            ],
        }
        for group, title in GROUPS.items()
        if (found.group == group).any()
    ]


def merge_tasks(by_task: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """What several tasks were disturbed with, each sentence once where it is the same for all of them.

    Args:
        by_task: ``describe_disturbances`` of every task.

    Returns:
        ``title``, ``sentences`` and ``tasks``, the names of those that it is true of; empty for all of them.
    """
    tasks_of: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for task, groups in by_task.items():
        for entry in groups:
            key = (entry["group"], entry["title"], tuple(entry["sentences"]))
            tasks_of.setdefault(key, []).append(task)
    order = list(GROUPS)
    return [
        {"title": title, "sentences": list(sentences), "tasks": [] if len(tasks) == len(by_task) else tasks}
        for (_, title, sentences), tasks in sorted(tasks_of.items(), key=lambda item: order.index(item[0][0]))
    ]


def impossible_readings(readings: Mapping[str, Any]) -> str:
    """Where no reading can lie, such as ``below 0 or above 1``; empty where all can.

    Args:
        readings: See ``describe_disturbances``.
    """
    lowest, highest = readings.get("limits") or (None, None)
    ends = (("below", lowest), ("above", highest))
    return " or ".join(f"{word} {end:g}" for word, end in ends if end is not None)


def _own_units(group: str, readings: Mapping[str, Any]) -> list[str]:
    """What stands for the statistics of the training data where a task has units of its own."""
    if group not in ("noise", "sensors", "attacks"):
        return []
    unit, extremes = readings.get("unit"), readings.get("extremes")
    parts = [] if unit is None else [f"{unit:g} stands for every standard deviation"]
    if extremes is not None and group == "noise":
        parts.append(f"{extremes[0]:g} and {extremes[1]:g} stand for the smallest and largest value of every feature")
    sentences = [f"For this task {' and '.join(parts)}, in the units of its inputs."] if parts else []
    where = impossible_readings(readings)
    return [*sentences, f"No reading can lie {where}: what would is cut off there."] if where else sentences


def _sentences(group: str, found: pd.DataFrame) -> list[str]:
    """What a group's conditions do, each sentence once."""
    conditions = [condition_named(name) for name in dict.fromkeys(found.condition)]
    described = list(dict.fromkeys(c.explanation for c in conditions if c.explanation))
    if group == "shift":
        named = "; ".join(c.label for c in conditions)
        return [_INTRODUCTIONS[group], f"Here: {named}.", *described]
    if group == "noise" and any(c.name == "gaussian" for c in conditions):
        return described  # it says what the introduction does
    if group == "memory":
        free = found[found.condition.map(lambda name: not condition_named(name).target)]
        parts = list(dict.fromkeys(free.target))
        confined = [f"The same flips confined to one part of the memory: {', '.join(filter(None, parts))}."]
        scales = ["A scale is the step between the codes of a layer; one flipped bit of it moves all of them."]
        described = [*(confined if any(parts) else []), *(scales if "scales" in parts else []), *described]
    return [*([_INTRODUCTIONS[group]] if group in _INTRODUCTIONS else []), *described]
