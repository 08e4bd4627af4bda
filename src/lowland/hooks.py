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
from lowland.expectations import parameters_of
from lowland.raw_tables import check_raw_tables
from lowland.report.closing import closing_lines
from lowland.runners.kedro_runners import NO_THREADS
from lowland.runners.progress import tag_of
from lowland.runs.dvc import refuse_other_code, started_by_dvc
from lowland.runs.fingerprints import code_of_stages, fingerprints, own_tag
from lowland.runs.lock import FolderLock
from lowland.runs.mark import StudyMark
from lowland.runs.plan import Asked, RunPlan, files_of, plan, selected_tasks
from lowland.runs.record import FILE as RECORD
from lowland.runs.record import command_of, save_record
from lowland.runs.selection import check_selection

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
        study = grid.set_parameters(raw, origins=origins)
        if started_by_dvc():
            refuse_other_code(context.project_path, study.own_code)
        added = parameters_of(study, commands=commands, folder=str(shared["data"]))
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
        self._plan: RunPlan | None = None
        self._started = False
        self._given: list[Node] = []  # whose outputs are there before the run
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
        self._plan, self._started, self._given, self._folder = None, False, [], folder
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
        study, before, current = self._study() if partial else pipeline, StudyMark.read(folder), grid.current()
        raw = {current.raw_table(task) for task in current.tasks} & study.datasets()
        for name in sorted(raw - {*before.data, *data}):  # that nobody has looked at yet
            if (file := files_of(catalog, [name])) and file[0].is_file():
                data[name] = hashlib.sha256(file[0].read_bytes()).hexdigest()
        asked = Asked(
            pipeline=pipeline,
            study=study,
            catalog=catalog,
            folder=folder,
            shown=folder.relative_to(root) if folder.is_relative_to(root) else folder,
            now=_mark_of(study, root, before.data | data),
            given=tuple(node for node in study.nodes if data.keys() & set(node.outputs)),
            resumes=bool(run_params["only_missing_outputs"]),
            partial=partial,
            tags=tuple(run_params["tags"] or ()),
            tasks=selected_tasks(run_params),
        )
        self._plan = plan(asked, before)
        self._given = [node for node in asked.given if node in pipeline.nodes]

    @hook_impl
    def before_first_node(self) -> None:
        """Called by the project's runners when their workers stand ready."""
        if self._plan is None or self._folder is None or self._started:
            return
        self._started = True
        for path in self._plan.doomed:
            path.unlink(missing_ok=True)
        self._plan.records.forget(self._plan.ahead)
        self._plan.mark.write(self._folder)
        for node in self._given:
            self.after_node_saved(node)

    @hook_impl
    def made_before(self) -> list[str]:
        """Names of the nodes that need not run: their outputs were made and checked before anything was deleted."""
        return [node.name for node in self._given]

    @hook_impl
    def after_node_saved(self, node: Node) -> None:
        """Called by the project's runners in the main process when a node is done and its outputs are saved."""
        if self._plan is not None and node.name in self._plan.ahead:
            self._plan.records.add(node.name, self._plan.ahead[node.name])
            del self._plan.ahead[node.name]  # last, should Ctrl-C come in between

    @hook_impl
    def after_interrupt(self) -> None:
        """Called by the project's runners after Ctrl-C: what workers had just saved is on record too."""
        self._record_others()

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
            made = files_of(
                catalog, ["summary.report", "summary.recommendation"]
            )  # which DVC makes one after the other
            if len(made) == 2 and all(path.is_file() for path in made) and made[0].stat().st_mtime >= self._begin:
                root, parameters = Path(run_params["project_path"]), grid.current().study.model_dump(mode="json")
                save_record(made[0].parent, root=root, command=self._command(), parameters=parameters)
                for line in closing_lines(catalog.load("summary.recommendation")):
                    _log.info("%s", line)
                self._keep(root, made[0].parents[1], catalog)
        except OSError as error:  # a full disk must not hide how the run itself ended
            _log.warning("%s: %s", error.filename, error.strerror)
        finally:
            self._end_lock()

    def _keep(self, root: Path, folder: Path, catalog: DataCatalog) -> None:
        """Keeps the study beside others; a table of these that is of no use must not spoil the end of this one."""
        from lowland.runs.studies import keep_study  # pandas and statistics: only where a study was finished

        if "summary.measurements" not in catalog:  # a catalog of one's own
            return
        try:
            table, recommendation = (catalog.load(f"summary.{name}") for name in ("measurements", "recommendation"))
            for line in keep_study(root, folder, table, recommendation):
                _log.info("%s", line)
        except LowlandError as error:
            _log.warning("%s", error)

    def _record_others(self) -> None:
        """What was made without word of it: by a runner that is none of the project's, or just before an interrupt."""
        if self._plan is None or not self._started:
            return
        for name, paths in self._plan.ahead.items():
            whole = bool(paths) and all(path.exists() for path in paths)
            if whole and min(path.stat().st_mtime for path in paths) >= self._begin - CLOCK_TICK:
                self._plan.records.add(name, paths)
        self._plan = None

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
    code |= {own_tag(task): digest for task, digest in current.own_code.items() if digest}
    nodes = fingerprints(study, parameters | parameters_of(current), code=code, data=data)
    return StudyMark(parameters=parameters, code=code, data=data, nodes=nodes)
