"""What happens around a run: the grid is set, data are checked, and a resumed run is the run it resumes."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from lowland import grid
from lowland.devices import resolve_device
from lowland.errors import LowlandError
from lowland.placing import places_of
from lowland.raw_tables import check_raw_tables
from lowland.runners.kedro_runners import NO_THREADS
from lowland.runners.progress import tag_of
from lowland.runs.dvc import started_by_dvc
from lowland.runs.fingerprints import code_of_stages, fingerprints
from lowland.runs.lock import FolderLock
from lowland.runs.mark import FILE as MARK
from lowland.runs.mark import StudyMark, refuse_mixture, stale_nodes
from lowland.runs.outputs import OutputRecords, standings
from lowland.runs.record import FILE as RECORD
from lowland.runs.record import command_of, save_record
from lowland.runs.selection import check_selection
from lowland.stages import all_stages, closing_stages
from lowland.summary.closing import closing_lines

_log = logging.getLogger(__name__)
SELECTIONS = (
    "tags",
    "namespaces",
    "node_names",
    "from_nodes",
    "to_nodes",
    "from_inputs",
    "to_outputs",
    "pipeline_names",
)
THREADS = "ThreadRunner"
CLOCK_TICK = 0.05  # seconds by which a file may seem older than the moment before it was written


class GridHook:
    """Validates this run's parameters (``--env`` and ``--params`` included) and builds the grid from them."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Adds to the parameters which run and cell each node works on; refuses what is not in the study."""
        raw, shared = dict(context.config_loader["parameters"]), context.config_loader["globals"]
        options = _options()
        reporting = f"{shared['data']}/08_reporting"
        commands = (
            _command(context),
            f"# then open {reporting}/report.html in a browser",
            f"# commit, versions and parameters: {reporting}/{RECORD}",
        )
        origins = getattr(context.config_loader, "origins", None)
        added = grid.set_parameters(raw, origins=origins).added_parameters(
            commands=commands, folder=str(shared["data"])
        )
        context.config_loader["parameters"] = raw | added
        if "from_nodes" in options:  # kedro run
            names = [*(options["pipelines"] or ()), *filter(None, [options["pipeline"]])] or ["__default__"]
            check_selection(options, Pipeline([pipelines[name] for name in dict.fromkeys(names)]))


class RunGuard:
    """Checks data and machine before anything runs, clears outputs of an earlier study and guards resumption.

    ``--only-missing-outputs`` looks at existence only. A file from other parameters, data or code would be taken for
    this run's, so a run first clears what it will make otherwise; resuming clears exactly what is stale and makes it
    again; and a part of a study that would leave results of another one is refused. What was decided before the run is
    done only once the runner has its workers: a run that is refused on the way there leaves everything as it was.

    Args:
        study: Gives the whole study, for a run of a part.
    """

    def __init__(self, study: Callable[[], Pipeline] | None = None) -> None:
        self._study = study or (lambda: pipelines["__default__"])
        self._doomed: list[Path] = []
        self._mark: StudyMark | None = None
        self._records: OutputRecords | None = None
        self._given: list[Node] = []  # whose outputs are there before the run
        self._ahead: dict[str, list[Path]] = {}  # nodes that this run may make, and their files
        self._folder: Path | None = None
        self._command: Callable[[], str] = str
        self._lock: FolderLock | None = None
        self._begin, self._process = 0.0, 0

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Notes where this run writes, and what makes it again."""
        loader = context.config_loader
        self._folder = context.project_path / loader["globals"]["data"]
        self._command = lambda: _command(context)  # known once the other hook has read the parameters

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Refuses a second run, bad data, a missing device, missing inputs, mixtures and unsafe resumption."""
        root = Path(run_params["project_path"])
        runner, folder = str(run_params.get("runner", "")), self._folder or root / "data"
        self._doomed, self._mark, self._records, self._ahead, self._folder = [], None, None, {}, folder
        self._begin, self._process = time.time(), os.getpid()
        if THREADS in runner:
            raise LowlandError(NO_THREADS.format(THREADS))
        self._end_lock()
        self._lock = FolderLock(folder)
        try:
            self._decide(run_params, pipeline, catalog, root=root, folder=folder)
        except BaseException:
            self._end_lock()
            raise

    def _decide(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog, *, root: Path, folder: Path
    ) -> None:
        data = check_raw_tables(pipeline, catalog)
        if "DaskRunner" not in str(run_params.get("runner", "")):  # there the workers' machines count, not this one
            resolve_device(grid.current().study.device)
        partial = any(run_params[key] for key in SELECTIONS)
        study, before = self._study() if partial else pipeline, StudyMark.read(folder)
        current = grid.current()
        raw = {current.raw_table(task) for task in current.tasks} & study.datasets()
        for name in sorted(raw - {*before.data, *data}):  # that nobody has looked at yet
            if (file := _files(catalog, [name])) and file[0].is_file():
                data[name] = hashlib.sha256(file[0].read_bytes()).hexdigest()
        self._given = [node for node in pipeline.nodes if data.keys() & set(node.outputs)]
        now = _mark_of(study, root, before.data | data)
        shown = folder.relative_to(root) if folder.is_relative_to(root) else folder

        def files(node: Node) -> list[Path]:
            return _files(catalog, list(node.outputs))

        def exists(node: Node) -> bool:
            return any(path.exists() for path in files(node))

        resumes, by_dvc = bool(run_params["only_missing_outputs"]), started_by_dvc()
        self._records, again = OutputRecords(folder), list[Node]()
        if resumes or (partial and not by_dvc):
            known = standings(pipeline.nodes if resumes else study.nodes, before.nodes, self._records, files)
            before = before.without(name for name, standing in known.items() if standing == "unknown")
            if resumes and by_dvc:  # which knows why it asks: what lowland does not know is made again
                again = [node for node in pipeline.nodes if known.get(node.name, "recorded") != "recorded"]
            elif resumes:
                again = [node for node in pipeline.nodes if known.get(node.name) == "unfinished"]
        if resumes and by_dvc:
            stale = [node for node in before.changed(now, pipeline.nodes) if exists(node)]
        elif resumes:
            stale = stale_nodes(before, now, part=pipeline, file=str(shown / MARK), exists=exists)
        else:
            stale = []
        if partial and not by_dvc:  # DVC keeps the rest in step by itself
            refuse_mixture(before, now, study=study, part=pipeline, folder=shown, exists=exists)
        self._mark = before.joined(now, [node.name for node in pipeline.nodes]) if partial else now
        if resumes:
            if stale:
                told = before.told(now, study.nodes)
                _log.info("%d of %d results are made again: %s", len(stale), len(pipeline.nodes), told)
            made_again = [node for node in dict.fromkeys((*stale, *again)) if node not in self._given]
            for path in (path for node in made_again for path in files(node)):
                path.unlink(missing_ok=True)  # at once: the runner asks next what is missing
            for path in _gathered_too_early(pipeline, catalog):
                path.unlink(missing_ok=True)
            if by_dvc:
                for path in _left_over(run_params, study, catalog, folder):
                    path.unlink(missing_ok=True)
        elif partial:
            _refuse_missing_inputs(pipeline, catalog)
            changed = before.changed(now, pipeline.nodes)  # should the run end early, nothing old passes for new
            self._doomed = [path for node in changed for path in files(node)]
        else:
            self._doomed = [*_outputs(pipeline, catalog), *_selected(catalog), *_files(catalog, ["timings"])]
            self._doomed.append(folder / "08_reporting" / RECORD)
        given = {path for node in self._given for path in files(node)}
        self._doomed = [path for path in self._doomed if path not in given]
        made = {node.name: files(node) for node in pipeline.nodes}
        self._ahead = {
            name: paths
            for name, paths in made.items()
            if given.intersection(paths) or not (resumes and all(path.exists() for path in paths))
        }

    @hook_impl
    def before_first_node(self) -> None:
        """Called by the project's runners when their workers stand ready."""
        for path in self._doomed:
            path.unlink(missing_ok=True)
        if self._mark is not None and self._folder is not None:
            if self._records is not None:
                self._records.forget(self._ahead)
            self._mark.write(self._folder)
        self._doomed, self._mark = [], None
        for node in self._given:
            self.after_node_saved(node)

    @hook_impl
    def made_before(self) -> list[str]:
        """Names of the nodes that need not run: their outputs were made and checked before anything was deleted."""
        return [node.name for node in self._given]

    @hook_impl
    def after_node_saved(self, node: Node) -> None:
        """Called by the project's runners in the main process when a node is done and its outputs are saved."""
        if self._records is not None and node.name in self._ahead:
            self._records.add(node.name, self._ahead.pop(node.name))

    @hook_impl
    def before_node_run(self) -> None:
        """Under a runner that is none of the project's; never in a forked worker, where others have begun."""
        if os.getpid() == self._process:
            self.before_first_node()

    @hook_impl
    def after_pipeline_run(self, run_params: dict[str, Any], catalog: DataCatalog) -> None:
        """Says what came out, and lets other runs begin."""
        self._close(run_params, catalog)

    @hook_impl
    def on_pipeline_error(self, run_params: dict[str, Any], catalog: DataCatalog) -> None:
        """The same for what a run with failures has made."""
        self._close(run_params, catalog)

    def _close(self, run_params: dict[str, Any], catalog: DataCatalog) -> None:
        try:
            self._record_others()
            made = _files(catalog, ["summary.report", "summary.recommendation"])  # which DVC makes one after the other
            if len(made) == 2 and all(path.is_file() for path in made) and made[0].stat().st_mtime >= self._begin:
                root, parameters = Path(run_params["project_path"]), grid.current().study.model_dump(mode="json")
                save_record(made[0].parent, root=root, command=self._command(), parameters=parameters)
                for line in closing_lines(catalog.load("summary.recommendation")):
                    _log.info("%s", line)
        except OSError as error:  # a full disk must not hide how the run itself ended
            _log.warning("%s: %s", error.filename, error.strerror)
        finally:
            self._end_lock()

    def _record_others(self) -> None:
        """What a runner made that is none of the project's, and tells of no node that is done."""
        for name, paths in self._ahead.items():
            times = [path.stat().st_mtime for path in paths if path.exists()]
            if self._records is not None and times and min(times) >= self._begin - CLOCK_TICK:
                self._records.add(name, paths)
        self._ahead = {}

    def _end_lock(self) -> None:
        if self._lock is not None:
            self._lock.release()
        self._lock = None


def _options() -> dict[str, Any]:
    """Of the command that is running; empty outside the command line."""
    context = click.get_current_context(silent=True)
    return {} if context is None else dict(context.params)


def _command(context: KedroContext) -> str:
    """What makes the study again: under DVC with other values than those of ``conf``, DVC itself."""
    loader = context.config_loader
    if getattr(loader, "changed_by_dvc", False):
        return "dvc repro"
    return command_of(context.env, loader.runtime_params or {}, config=_options().get("config"))


def _mark_of(study: Pipeline, root: Path, data: dict[str, str]) -> StudyMark:
    """What a whole run would leave."""
    current = grid.current()
    parameters = current.study.model_dump(mode="json")
    code = code_of_stages(root, {tag_of(node) for node in study.nodes})
    nodes = fingerprints(study, parameters | current.added_parameters(), code=code, data=data)
    return StudyMark(parameters=parameters, code=code, data=data, nodes=nodes)


def _refuse_missing_inputs(pipeline: Pipeline, catalog: DataCatalog) -> None:
    """A part of the study needs what the stages before it wrote."""
    gathers = pipeline.only_nodes_with_tags("gather")  # they read what there is
    names = [name for name in pipeline.inputs() if not name.startswith("params:") and name not in gathers.inputs()]
    missing = [path for path in _files(catalog, sorted(names)) if not path.exists()]
    if missing:
        raise LowlandError(
            f"{missing[0]} does not exist ({len(missing)} of {len(names)} inputs of this part are missing); "
            "run the stages before it too (--tags preparation,training,...) or the whole study"
        )


def _outputs(pipeline: Pipeline, catalog: DataCatalog) -> list[Path]:
    return _files(catalog, sorted(pipeline.all_outputs()))


def _files(catalog: DataCatalog, names: list[str]) -> list[Path]:
    paths = (getattr(catalog.get(name), "_filepath", None) for name in names)
    return [Path(str(path)) for path in paths if path is not None]


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
    return _files(catalog, list(names))


def _left_over(run_params: dict[str, Any], study: Pipeline, catalog: DataCatalog, folder: Path) -> list[Path]:
    """Files of recipes, seeds and precisions that are not in the study any more, beside those that a part makes."""
    parts = [part for stage in all_stages() for part in stage.parts if part.tag in (run_params["tags"] or ())]
    paths = {artifact.folder for part in parts for node in part.nodes for artifact in node.outputs}
    tasks = [name for name in run_params["namespaces"] or () if name in grid.current().tasks]
    roots = [folder / path.partition("{task}")[0] / task for path in paths for task in tasks]
    made = set(_outputs(study, catalog))
    return [file for root in roots for file in root.rglob("*") if file.is_file() and file not in made]


def _gathered_too_early(pipeline: Pipeline, catalog: DataCatalog) -> list[Path]:
    """Tables and reports made while something was still missing: they would hide what is computed now."""
    gathered = _outputs(pipeline.only_nodes_with_tags(*closing_stages()), catalog)
    complete = all(path.exists() for path in set(_outputs(pipeline, catalog)) - set(gathered))
    return [] if complete else gathered
