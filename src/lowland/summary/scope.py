"""What was disturbed and how, in plain words: only what the long table holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lowland.summary.conditions import GROUPS, condition_label, disturbances

_INTRODUCTIONS = {
    "noise": "σ is the given percentage of the standard deviation that a feature has in the training data.",
    "sensors": "Faults that all rows share, as a broken or an ageing detector would have them.",
    "pictures": "Inputs as bad weather, bad focus, bad light or a knock against the camera makes them, in published "
    "severities from 1 to 5.",
    "attacks": "Inputs changed on purpose, by an adversary who knows the network and wants it to be wrong. The radius "
    "says how far it may go, in training standard deviations of each feature: L∞ bounds every feature by itself, L2 "
    "the length of the whole change.",
    "memory": "The integer codes of weights and biases have bits inverted: either a fixed number of them, or each bit "
    "independently with a given probability, the bit error rate. At an equal number of flips a small network has a "
    "larger share of its bits damaged; at an equal error rate a large one has more flips. Float networks have their "
    "32-bit words flipped in the same way.",
    "shift": "Test sets that come from a changed detector or another selection, without retraining.",
}
_TEXTS = {
    "gaussian": "Gaussian p % adds to each feature a random number whose standard deviation σ is p/100 of the standard "
    "deviation of that feature in the training data.",
    "uniform": "Uniform p % adds a number spread evenly over ±√3·σ: as strong as the Gaussian, without its tails.",
    "salt_and_pepper": "Salt-and-pepper p % sets p/2 % of all entries to the largest and p/2 % to the smallest value "
    "of their feature in the training data.",
    "dead_at_mean": "Dead channels, p %: that share of the features always reads its training mean.",
    "dead_at_zero": "Dead channels at zero, p %: that share of the features always reads zero.",
    "gain_drift": "Gain drift p %: every feature is multiplied by a factor of its own around 1, its standard deviation "
    "p/100.",
    "offset_drift": "Offset drift p %: every feature is shifted by a number of its own, with a standard deviation of "
    "p/100 of the feature's.",
    "saturation": "Saturation p %: what lies in the outer p % of a feature's training range, half at each end, is "
    "clipped.",
    "requantization": "Coarser ADC: every feature is read in so many bits over its training range; fewer are worse.",
    "fgsm": "FGSM takes one step along the gradient, to the edge of the radius.",
    "pgd": "PGD takes several smaller steps inside the same radius and keeps the worst point that it came by.",
    "parts": "The same flips confined to one part of the memory: {}.",
    "scales": "A scale is the step between the codes of a layer; one flipped bit of it moves all of them.",
    "ranked": "Worst-ranked flips hit the bits of weights that FKeras' ranking names first, all at once, not bits by "
    "chance.",
    "activations": "Flips in activations hit what one layer hands to the next, anew in every inference.",
    "upsets": "Multi-bit upsets flip several adjacent bits of one word, as one particle does in dense memory.",
    "stuck": "Stuck bits always read {}, whatever is written; only those that should read otherwise do harm.",
}


def disturbed(measurements: pd.DataFrame, readings: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
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
                *_sentences(group, list(found.condition[found.group == group])),
                *_own_units(group, readings or {}),
            ],
        }
        for group, title in GROUPS.items()
        if (found.group == group).any()
    ]


def told_together(by_task: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """What several tasks were disturbed with, told once where it is the same for all of them.

    Args:
        by_task: ``disturbed`` of every task.

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


def impossible(readings: Mapping[str, Any]) -> str:
    """Where no reading can lie, such as ``below 0 or above 1``; empty where all can.

    Args:
        readings: See ``disturbed``.
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
    if extremes is not None and group != "attacks":
        parts.append(f"{extremes[0]:g} and {extremes[1]:g} for the ends of every range")
    found = [f"For this task {' and '.join(parts)}, in the units of its inputs."] if parts else []
    where = impossible(readings)
    return [*found, f"No reading can lie {where}: what would is cut off there."] if where else found


def _sentences(group: str, conditions: list[str]) -> list[str]:
    has = {word for c in conditions for word in (c, c.partition("_")[0], "_".join(c.split("_")[:3]))}
    if group == "shift":
        named = "; ".join(condition_label(c) for c in conditions)
        return [_INTRODUCTIONS[group], f"Here: {named}."]
    if group == "noise":
        described = [_TEXTS[c] for c in conditions if c in _TEXTS]
        return described if "gaussian" in has else [_INTRODUCTIONS[group], *described]
    if group == "memory":
        parts = [part for part in ("weights", "biases", "scales") if part in has]
        confined = [_TEXTS["parts"].format(", ".join(parts))] if parts else []
        return [_INTRODUCTIONS[group], *confined, *(_TEXTS[part] for part in ("scales", "ranked") if part in has)]
    if group == "faults":
        stuck = [value for value in ("0", "1") if f"stuck_at_{value}" in has]
        described = [_TEXTS[part] for part in ("activations", "upsets") if part in has]
        return described + ([_TEXTS["stuck"].format(" or ".join(stuck))] if stuck else [])
    known = ("fgsm", "pgd") if group == "attacks" else conditions
    return [_INTRODUCTIONS[group], *(_TEXTS[c] for c in known if c in has and c in _TEXTS)]
