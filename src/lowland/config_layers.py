"""How an environment is laid over ``conf/base``: its axes replace those there, its options are merged over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

AXES = ("tasks", "recipes", "seeds", "precisions")
# An environment's own replaces that of conf/base whole; requirements are lines about the members of an axis.
REPLACED = (*AXES, "requirements")
# What conf/base says about the members of its own axes, by the axis.
ABOUT_MEMBERS = {
    ("requirements",): "tasks",
    ("training", "per_task"): "tasks",
    ("fine_tuning", "per_task"): "tasks",
    ("qat_recipes",): "recipes",
    ("landscape_detail", "precisions"): "precisions",
    ("flip_map", "precisions"): "precisions",
    ("certification", "precisions"): "precisions",
    ("worst_case_protection", "precisions"): "precisions",
    ("worst_case_diagnosis", "precisions"): "precisions",
    ("worst_case_inputs", "precisions"): "precisions",
}


def merged_files(files: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The contents of several files together."""
    whole: dict[str, Any] = {}
    for content in files.values():
        whole = laid_over(whole, content)
    return whole


def laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings merged, everything else replaced."""
    merged = dict(below)
    for key, value in above.items():
        before = merged.get(key)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        merged[key] = laid_over(before, value) if both else value  # type: ignore[arg-type]  # checked
    return merged


def in_order_of(pattern: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values in the order of another mapping, new ones last: ``params.yaml`` is sorted, axes have an order."""
    names = [*(name for name in pattern if name in values), *(name for name in values if name not in pattern)]
    both = {name: (pattern.get(name), values[name]) for name in names}
    return {
        name: in_order_of(like, value) if isinstance(like, Mapping) and isinstance(value, Mapping) else value
        for name, (like, value) in both.items()
    }


def without_others(merged: Mapping[str, Any], base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What ``conf/base`` says about members of its axes, without those that this environment does not have.

    A name that base's own axis has not is a mistake and stays, and so does a list of which nothing would be left, and
    whatever the environment says itself.
    """
    changed: dict[str, Any] = {}
    for path, axis in ABOUT_MEMBERS.items():
        members, here = value_at(base, path), changed | {k: v for k, v in merged.items() if k not in changed}
        if axis not in own or not isinstance(members, list | dict) or not isinstance(merged.get(axis), Mapping):
            continue
        gone = {name for name in members if name in base.get(axis, {}) and name not in merged[axis]}
        value = value_at(here, path)
        if isinstance(value, Mapping):
            said = value_at(own, path)
            left: Any = {k: v for k, v in value.items() if k not in gone or (isinstance(said, Mapping) and k in said)}
        elif value is members:
            left = [name for name in members if name not in gone] or members
        else:
            continue
        parameter, *inner = path
        changed[parameter] = {**here[parameter], inner[0]: left} if inner else left
    return changed


def value_at(content: Any, path: Sequence[str]) -> Any:
    """The value at a place; None where there is none."""
    for part in path:
        content = content.get(part) if isinstance(content, Mapping) else None
    return content
