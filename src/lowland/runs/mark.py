"""Which study the results in a data folder are of, and whether a run may add to them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from pydantic import BaseModel, ConfigDict, ValidationError

from lowland.errors import LowlandError
from lowland.runners.progress import stage_of, tag_of
from lowland.runs.differences import differences, told
from lowland.runs.fingerprints import own_tag, task_of
from lowland.stages import closing_stages

_log = logging.getLogger(__name__)
FILE = ".run-study"


class StudyMark(BaseModel):
    """What a data folder holds; kept in it.

    A result is on record from before it is made, and what was there under another fingerprint is deleted first: so a
    file that the study made has the fingerprint on record, even after a crash. Whether it is that file, and not one
    that something else brought, ``lowland.runs.outputs`` tells. What is not on record (brought by DVC, or made before
    there were records) is let pass, with a warning.

    Attributes:
        parameters: The validated ones of the last run.
        code: Tag of a stage, or of a part of one, to the digest of its code; ``tasks.<name>`` to that of a user's own.
        data: Raw table to the digest of its bytes.
        nodes: Node to the fingerprint of its result.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: dict[str, Any] = {}
    code: dict[str, str] = {}
    data: dict[str, str] = {}
    nodes: dict[str, str] = {}

    @classmethod
    def read(cls, folder: Path) -> StudyMark:
        """The mark of a folder; an empty one where there is none that can be read."""
        try:
            return cls.model_validate(json.loads((folder / FILE).read_text("utf-8")))
        except (OSError, ValueError, ValidationError):
            return cls()

    def write(self, folder: Path) -> None:
        """Replaces the mark of a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{FILE}.part"
        part.write_text(self.model_dump_json(), "utf-8")
        part.replace(folder / FILE)

    def joined(self, now: StudyMark, nodes: Iterable[str]) -> StudyMark:
        """With the results that a run is about to make.

        Args:
            now: What all results would be of.
            nodes: Names of those that run.
        """
        made = {name: now.nodes[name] for name in nodes}
        return now.model_copy(update={"nodes": self.nodes | made, "data": self.data | now.data})

    def without(self, nodes: Iterable[str]) -> StudyMark:
        """With nothing known of these results.

        Args:
            nodes: Names of their nodes.
        """
        gone = set(nodes)
        return self.model_copy(update={"nodes": {n: made for n, made in self.nodes.items() if n not in gone}})

    def changed(self, now: StudyMark, nodes: Iterable[Node]) -> list[Node]:
        """The nodes on record whose results are of another study."""
        return [n for n in nodes if self.nodes.get(n.name, now.nodes[n.name]) != now.nodes[n.name]]

    def told(self, now: StudyMark, nodes: Iterable[Node]) -> str:
        """What has changed that decides the results of these nodes, in a clause.

        Args:
            now: What all results would be of.
            nodes: Those that are looked at, with those that they are made from.
        """
        nodes = list(nodes)
        read = {name.removeprefix("params:").split(".")[0] for node in nodes for name in node.inputs} | AXES
        found = differences(self.parameters, now.parameters)
        if found := [each for each in found if each.name.split(".")[0] in read]:
            return told(found, "{name} is {now}, and was {before} when they were made")
        own = {own_tag(task_of(n)) for n in nodes} & (self.code.keys() | now.code.keys())
        if other := sorted(s for s in {tag_of(n) for n in nodes} | own if self.code.get(s) != now.code.get(s)):
            return f"the code of {', '.join(other)} has changed since"
        if other := sorted(name for name in self.data if now.data.get(name, self.data[name]) != self.data[name]):
            return f"the data {', '.join(other)} have changed since"
        return "something that they were made from has changed since"


AXES = {"tasks", "recipes", "seeds", "precisions", "qat_recipes"}  # parameters of cells derive from these


def refuse_mixture(
    mark: StudyMark,
    now: StudyMark,
    *,
    study: Pipeline,
    part: Pipeline,
    folder: Path,
    exists: Callable[[Node], bool],
) -> None:
    """Refuses a run of a part after which the folder would hold results of two studies; warns where that is unknown.

    Results that the part makes anew do not count, nor does a summary that is merely out of date.

    Args:
        mark: What the folder holds.
        now: What a whole run would make.
        study: The whole study.
        part: What is to run.
        folder: The data folder, for the message.
        exists: Whether the result of a node is there.

    Raises:
        LowlandError: One line with what changed and what to do.
    """
    runs, last = {node.name for node in part.nodes}, closing_stages()  # what is out of date there is mixed with nothing
    rest = [node for node in study.nodes if node.name not in runs and stage_of(node) not in last]
    stale = [node for node in mark.changed(now, rest) if exists(node)]
    if not stale:
        if unknown := sum(node.name not in mark.nodes and exists(node) for node in rest):
            _log.warning(
                "%d results in %s are not on record (brought by DVC, changed by hand or made by an earlier version): "
                "whether they are of these parameters and this code cannot be told",
                unknown,
                folder,
            )
        return
    tags = dict.fromkeys(tag_of(n) for n in study.nodes if n.name in runs or n in stale or stage_of(n) in last)
    decisive = [node for node in study.nodes if stage_of(node) not in last]
    raise LowlandError(
        f"{len(stale)} results in {folder} that this part would leave are of another study: "
        f"{mark.told(now, decisive)}. Run the part as they were made, or all that depends on the change "
        f"(--tags {','.join(_in_order(study, tags))}, nothing narrower), or the whole study"
    )


def _in_order(study: Pipeline, tags: Iterable[str]) -> list[str]:
    """Tags of stages as these follow each other, not as nodes of the same depth happen to be sorted."""
    depth: dict[str, int] = {}
    for number, group in enumerate(study.grouped_nodes):
        for node in group:
            depth.setdefault(tag_of(node), number)
    return sorted(tags, key=lambda tag: (tag in closing_stages(), depth.get(tag, 0), tag))


def stale_nodes(
    mark: StudyMark, now: StudyMark, *, part: Pipeline, file: str, exists: Callable[[Node], bool]
) -> list[Node]:
    """The nodes of a run to resume whose results are of other parameters, data or code: those to be made again.

    Args:
        mark: What the folder holds.
        now: What a whole run would make.
        part: What is to be resumed.
        file: The mark's name, for the message.
        exists: Whether the result of a node is there.

    Raises:
        LowlandError: There are results of which nobody knows what they are of; one line with what to do.
    """
    unknown = [node.name for node in part.nodes if node.name not in mark.nodes and exists(node)]
    if not mark.nodes or unknown:
        why = f"{file} is missing" if not mark.nodes else f"{unknown[0]} is not on record"
        raise LowlandError(
            "--only-missing-outputs: what the results were made with is not known "
            f"({why}); use a full `kedro run` or `dvc repro`"
        )
    return [node for node in mark.changed(now, part.nodes) if exists(node)]
