"""What a run clears and makes, decided before it starts."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from lowland import grid
from lowland.errors import LowlandError
from lowland.placing import places_of
from lowland.runs.dvc import started_by_dvc
from lowland.runs.mark import FILE as MARK
from lowland.runs.mark import StudyMark, refuse_mixture, stale_nodes
from lowland.runs.outputs import OutputRecords, standings
from lowland.runs.record import FILE as RECORD
from lowland.stages import all_stages, closing_stages

_log = logging.getLogger(__name__)


def files_of(catalog: DataCatalog, names: list[str]) -> list[Path]:
    """The files behind datasets, of those that have one.

    Args:
        catalog: Knows them.
        names: Of the datasets.
    """
    paths = (getattr(catalog.get(name), "_filepath", None) for name in names)
    return [Path(str(path)) for path in paths if path is not None]


@dataclass(frozen=True, slots=True)
class Asked:
    """A run as it was asked for.

    Attributes:
        pipeline: What is to run.
        study: The whole study; the same where no part was chosen.
        catalog: Of the run.
        folder: The data folder.
        shown: The same, for messages.
        now: What a whole run would leave.
        given: Nodes whose outputs were made and checked already: raw tables.
        resumes: Whether it makes only what is missing.
        partial: Whether a part was chosen.
        tags, tasks: Of the part.
    """

    pipeline: Pipeline
    study: Pipeline
    catalog: DataCatalog
    folder: Path
    shown: Path
    now: StudyMark
    given: tuple[Node, ...]
    resumes: bool
    partial: bool
    tags: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()

    def files(self, node: Node) -> list[Path]:
        """Those of a node's outputs, in their order."""
        return files_of(self.catalog, list(node.outputs))

    def exists(self, node: Node) -> bool:
        """Whether any output of a node is there."""
        return any(path.exists() for path in self.files(node))


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What happens when the workers stand ready.

    Attributes:
        mark: What the folder then holds.
        records: Of the files in it.
        doomed: Files to delete.
        ahead: Nodes that the run may make, and their files.
    """

    mark: StudyMark
    records: OutputRecords
    doomed: list[Path] = field(default_factory=list)
    ahead: dict[str, list[Path]] = field(default_factory=dict)


def plan(asked: Asked, before: StudyMark) -> RunPlan:
    """Decides; what is in the way of a run that resumes is cleared at once, for the runner asks next what is missing.

    DVC keeps the parts of a study in step by itself: no mixture is refused there, and what is not on record (because it
    brought it from its cache) is made again instead of being refused.

    Args:
        asked: The run.
        before: What the folder holds.

    Raises:
        LowlandError: The run would leave results of two studies side by side, would take results for its own of which
            nothing is known, or lacks what it starts from.
    """
    by_dvc, records, names = started_by_dvc(), OutputRecords(asked.folder), [n.name for n in asked.pipeline.nodes]
    again: list[Node] = []
    if asked.resumes or (asked.partial and not by_dvc):
        looked_at = asked.pipeline if by_dvc else asked.study
        known = standings(looked_at.nodes, before.nodes, records, asked.files)
        before = before.without(name for name, standing in known.items() if standing == "unknown")
        anew = {"unfinished", "unknown"} if by_dvc else {"unfinished"}
        again = [node for node in asked.pipeline.nodes if known.get(node.name) in anew]
    raw = {name for node in asked.given for name in node.outputs}
    rest = Pipeline([node for node in asked.study.nodes if not raw.intersection(node.outputs)])
    if asked.partial and not by_dvc:
        refuse_mixture(before, asked.now, study=rest, part=asked.pipeline, folder=asked.shown, exists=asked.exists)
    found = RunPlan(mark=before.joined(asked.now, names) if asked.partial else asked.now, records=records)
    given = {path for node in asked.given for path in asked.files(node)}
    if asked.resumes:
        _clear(asked, before, again, given, by_dvc=by_dvc)
    elif asked.partial:
        _refuse_missing_inputs(asked.pipeline, asked.catalog)
        changed = before.changed(asked.now, asked.pipeline.nodes)  # should it end early, nothing old passes for new
        found.doomed.extend(path for node in changed for path in asked.files(node))
    else:
        found.doomed.extend([*_outputs(asked.pipeline, asked.catalog), *_selected(asked.catalog)])
        found.doomed.extend([*files_of(asked.catalog, ["timings"]), asked.folder / "08_reporting" / RECORD])
    found.doomed[:] = [path for path in found.doomed if path not in given]
    for node in asked.pipeline.nodes:
        paths = asked.files(node)
        if not asked.resumes or given.intersection(paths) or not all(path.exists() for path in paths):
            found.ahead[node.name] = paths
    return found


def _clear(asked: Asked, before: StudyMark, again: list[Node], given: set[Path], *, by_dvc: bool) -> None:
    """Deletes what a run that resumes makes again, so that the runner finds it missing."""
    part = asked.pipeline
    if by_dvc:
        stale = [node for node in before.changed(asked.now, part.nodes) if asked.exists(node)]
    else:
        stale = stale_nodes(before, asked.now, part=part, file=str(asked.shown / MARK), exists=asked.exists)
    if stale:
        told = before.told(asked.now, asked.study.nodes)
        _log.info("%d of %d results are made again: %s", len(stale), len(part.nodes), told)
    cleared = [path for node in dict.fromkeys((*stale, *again)) for path in asked.files(node) if path not in given]
    for path in cleared:
        path.unlink(missing_ok=True)
    for path in (*_gathered_too_early(part, asked.catalog), *(_left_over(asked) if by_dvc else ())):
        path.unlink(missing_ok=True)


def _outputs(pipeline: Pipeline, catalog: DataCatalog) -> list[Path]:
    return files_of(catalog, sorted(pipeline.all_outputs()))


def _refuse_missing_inputs(pipeline: Pipeline, catalog: DataCatalog) -> None:
    """A part of the study needs what the stages before it wrote."""
    gathers = pipeline.only_nodes_with_tags("gather")  # they read what there is
    names = [name for name in pipeline.inputs() if not name.startswith("params:") and name not in gathers.inputs()]
    missing = [path for path in files_of(catalog, sorted(names)) if not path.exists()]
    if missing:
        raise LowlandError(
            f"{missing[0]} does not exist ({len(missing)} of {len(names)} inputs of this part are missing); "
            "run the stages before it too (--tags preparation,training,...) or the whole study"
        )


def _selected(catalog: DataCatalog) -> list[Path]:
    """Files of selected cells, of all cells: those of an earlier, wider selection are outputs of no node any more."""
    study = grid.current()
    templates = [template for stage in all_stages() for template in stage.nodes if template.selection]
    names = {
        f"{place.namespace}.{artifact.name}": None
        for template in templates
        for place in places_of(template.level, study)
        for artifact in template.outputs
    }
    return files_of(catalog, list(names))


def _left_over(asked: Asked) -> list[Path]:
    """Files of recipes, seeds and precisions that are not in the study any more, beside those that a part makes."""
    parts = [part for stage in all_stages() for part in stage.parts if part.tag in asked.tags]
    paths = {artifact.folder for part in parts for node in part.nodes for artifact in node.outputs}
    roots = [asked.folder / path.partition("{task}")[0] / task for path in paths for task in asked.tasks]
    made = {path.resolve() for path in _outputs(asked.study, asked.catalog)}
    return [file for root in roots for file in root.rglob("*") if file.is_file() and file.resolve() not in made]


def _gathered_too_early(pipeline: Pipeline, catalog: DataCatalog) -> list[Path]:
    """Tables and reports made while something was still missing: they would hide what is computed now."""
    gathered = _outputs(pipeline.only_nodes_with_tags(*closing_stages()), catalog)
    complete = all(path.exists() for path in set(_outputs(pipeline, catalog)) - set(gathered))
    return [] if complete else gathered


def selected_tasks(run_params: Mapping[str, Any]) -> tuple[str, ...]:
    """The tasks that a run was asked for by namespace.

    Args:
        run_params: Kedro's.
    """
    return tuple(name for name in run_params["namespaces"] or () if name in grid.current().tasks)
