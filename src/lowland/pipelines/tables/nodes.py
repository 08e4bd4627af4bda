"""From what every node left to one table of the whole study."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

import lowland.tasks  # noqa: F401  # declares what tasks call their shifted sets
from lowland.completeness import complete, with_widths_of_networks
from lowland.expectations import Everything
from lowland.measurements import checked, stack, words_of
from lowland.pipelines.frames import FACTS, gather_frames


def gather(*tables: pd.DataFrame | dict[str, Any] | None) -> pd.DataFrame:
    """Tables on top of each other; documents that end with them hold no rows."""
    return stack(each for each in tables if isinstance(each, pd.DataFrame))


def gather_references(tasks: dict[str, Any], *albums: pd.DataFrame | None) -> pd.DataFrame:
    """The guess and the reference models of all tasks in one table, with the column ``task``.

    Args:
        tasks: By name.
        albums: The pictures of every task, which hold them as facts.
    """
    columns = ["task", "name", "label", "score", "standard_error", "num_samples"]
    named = {task: _facts(album, "references") for task, album in zip(tasks, albums, strict=True)}
    found = gather_frames(*(pd.DataFrame(facts).assign(task=task) for task, facts in named.items() if facts))
    return found.reindex(columns=columns)


def gather_inputs(tasks: dict[str, Any], *albums: pd.DataFrame | None) -> dict[str, Any]:
    """What every task's table held and what of it was used; tasks that are no table have no entry.

    Args:
        tasks: By name.
        albums: The pictures of every task, which hold it as facts.
    """
    named = {task: _facts(album, "inputs") for task, album in zip(tasks, albums, strict=True)}
    return {task: known["listing"] for task, known in named.items() if known and known.get("listing")}


def _facts(album: pd.DataFrame | None, kind: str) -> dict[str, Any] | None:
    """What a task's pictures say of it before any training."""
    if album is None or FACTS not in album:
        return None
    rows = album[album.picture == kind]
    return dict(json.loads(rows[FACTS].iloc[0])) if len(rows) else None


def gather_pictures(
    references: pd.DataFrame | None, inputs: dict[str, Any] | None, **frames: pd.DataFrame | None
) -> pd.DataFrame:
    """Pictures of all kinds in one table: the column ``picture`` says which, columns that a kind lacks are empty.

    What is known of the task before any training comes along, as a text of JSON in the column ``facts``: one table
    leaves the task's box, so that the graph stays readable.

    Args:
        references: Scores of the guess and the reference models.
        inputs: What the networks are given.
        frames: ``<kind>_<number>``.
    """
    known = {"references": None if references is None else references.to_dict("list"), "inputs": inputs}
    facts = [
        pd.DataFrame({"picture": [kind], FACTS: [json.dumps(said)]}) for kind, said in known.items() if said is not None
    ]
    pictures = (frame.assign(picture=name.rpartition("_")[0]) for name, frame in frames.items() if frame is not None)
    return gather_frames(*pictures, *facts)


def close_study(everything: Everything, *tables: pd.DataFrame | None) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The long table, with a ``failed`` row for whatever left no result, and what the names in it mean."""
    whole = checked(with_widths_of_networks(complete(stack(tables), everything.expected())))
    return whole, words_of(whole)
