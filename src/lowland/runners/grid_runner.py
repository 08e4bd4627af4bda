"""Runs a pipeline on every core and keeps going past failures."""

from __future__ import annotations

import errno
import importlib.util
import os
import pickle
import pkgutil
from collections.abc import Iterable
from concurrent.futures import Executor

import click
from kedro.framework import project
from kedro.io import DataCatalog, DatasetError, MemoryDataset
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.runner import AbstractRunner
from pluggy import PluginManager

from lowland.errors import LowlandError
from lowland.runners.own_hooks import left_of, own_hooks
from lowland.runners.progress import GATHER, RunProgress
from lowland.runners.schedule import Schedule, State
from lowland.runners.timings import save_timings
from lowland.runners.worker import Job, Outcome, describe
from lowland.runners.workers import LocalWorkers, Workers, warm_up

POLL_SECONDS = 0.5
PRELOAD = (
    "kedro.framework.context",
    "lowland.datasets.tables",
    "lowland.datasets.tensors",
    "pyarrow.parquet",
    "scipy.special",
)  # what a first node would import
NAMED = 5
MACHINES = tuple(os.strerror(code) for code in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES))


class GridRunError(click.ClickException):
    """Some nodes failed; all that did not depend on them is computed and saved. Exit code 1.

    Attributes:
        failed: Name of the node to its error in one line.
        tracebacks: Name of the node to its stack trace.
        skipped: Names of the nodes that needed a failed one.
    """

    def __init__(self, failed: dict[str, Outcome], skipped: Iterable[str], done: int) -> None:
        self.failed = {name: outcome.error or "" for name, outcome in failed.items()}
        self.tracebacks = {name: outcome.traceback for name, outcome in failed.items()}
        self.skipped = sorted(skipped)
        names = sorted(failed)
        shown = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
        message = f"{len(failed)} failed ({shown}), {len(self.skipped)} skipped, {done} done"
        if reasons := [reason for reason in MACHINES if any(reason in error for error in self.failed.values())]:
            message += f"; {reasons[0]}: mend that, then continue with --only-missing-outputs"
        super().__init__(message)


class GridRunner(AbstractRunner):
    """``kedro run --runner lowland.runners.GridRunner --runner-params max_workers=2,threads=1``.

    A failed node blocks its descendants only; nodes tagged ``gather`` run on what there is, a lost input being
    ``None``. A node whose worker is killed is tried once more. Workers share files, so every dataset between nodes
    needs a catalog entry. Where the catalog has an entry ``timings``, seconds and memory of every node go there.

    Args:
        max_workers: Nodes that run at the same time; all cores by default.
        threads: Threads of one tensor operation in each; results are byte-identical for the same number.
        is_async: Load and save in threads.
    """

    def __init__(self, max_workers: int | None = None, threads: int = 1, is_async: bool = False) -> None:
        super().__init__(is_async=is_async)
        options: dict[str, object] = {
            "max_workers": max_workers,
            "threads": threads,
        }  # text comes from the command line
        for name, value in options.items():
            if value is not None and not (isinstance(value, int) and value >= 1):
                raise LowlandError(f"{name} is {value!r}; expected a whole number from 1")
        self._max_workers = self._validate_max_workers(max_workers)
        self._threads = threads
        self._own = own_hooks(None)
        self._warm_up()

    def _warm_up(self) -> None:
        """Workers import what the pipelines need while this process does the same."""
        if modules := _pipeline_modules(project.PACKAGE_NAME):
            warm_up(threads=self._threads, preload=[*PRELOAD, *modules])

    def _get_executor(self, max_workers: int) -> Executor | None:
        """Not used: ``_start_workers`` gives what this runner needs."""

    def _start_workers(self, count: int, pipeline: Pipeline) -> Workers:
        modules = {getattr(node.func, "__module__", None) for node in pipeline.nodes} - {None, "__main__"}
        return LocalWorkers(count, threads=self._threads, preload=[*PRELOAD, *sorted(map(str, modules))])

    def _run(
        self,
        pipeline: Pipeline,
        catalog: DataCatalog,  # type: ignore[override]  # Kedro's protocol lacks what its runners use
        hook_manager: PluginManager | None = None,
        run_id: str | None = None,
    ) -> None:
        self._own = own_hooks(hook_manager)
        pipeline = left_of(pipeline, self._own)
        nodes = pipeline.nodes
        if not nodes:
            self._own.before_first_node()
            return
        _refuse_memory(pipeline, catalog)
        gathers = [node for node in nodes if GATHER in node.tags]
        needs = pipeline.node_dependencies
        schedule = Schedule({node: needs[node] for node in nodes}, gathers=gathers)
        ended: dict[Node, Outcome] = {}
        with RunProgress(nodes, self._logger) as progress:
            workers = self._start_workers(min(self._max_workers, len(nodes)), pipeline)
            try:
                self._own.before_first_node()  # only now is the run sure to start
                self._work(schedule, workers, catalog, run_id, ended, progress)
            except BaseException as error:
                workers.close(now=True)
                if isinstance(error, KeyboardInterrupt):
                    self._own.after_interrupt()
                    self._logger.warning("Interrupted: %d of %d nodes are over and saved", len(ended), len(nodes))
                raise
            else:
                workers.close()
            finally:
                self._save_timings(catalog, ended)
        failed = {node.name: outcome for node, outcome in ended.items() if outcome.error}
        if failed:
            skipped = [node.name for node, state in schedule.states.items() if state is State.SKIPPED]
            raise GridRunError(failed, skipped, len(ended) - len(failed))

    def _save_timings(self, catalog: DataCatalog, ended: dict[Node, Outcome]) -> None:
        try:
            save_timings(catalog, ended.items())
        except (OSError, DatasetError) as error:  # a full disk must not hide how the run itself ended
            self._logger.warning("timings: %s", describe(error))

    def _work(
        self,
        schedule: Schedule[Node],
        workers: Workers,
        catalog: DataCatalog,
        run_id: str | None,
        ended: dict[Node, Outcome],
        progress: RunProgress,
    ) -> None:
        running, retried, said = 0, set[str](), set[str]()

        def end(node: Node, outcome: Outcome) -> None:
            ended[node] = outcome
            for message in outcome.messages:
                if message not in said:  # once, however many cells say the same
                    said.add(message)
                    self._logger.warning("%s: %s", node.name, message)
            if outcome.error:
                self._logger.error("%s failed: %s", node.name, outcome.error)
                self._logger.debug("%s", outcome.traceback)
            else:
                self._own.after_node_saved(node)
            skipped = schedule.failed(node) if outcome.error else schedule.done(node)
            progress.over(node, schedule.states[node])
            for other in skipped:
                progress.over(other, State.SKIPPED)

        while True:
            while workers.free() and (node := schedule.next()):
                try:
                    workers.submit(self._job(node, schedule, catalog, run_id))
                except (pickle.PicklingError, AttributeError, TypeError) as error:
                    end(node, Outcome(error=f"cannot be sent to a worker: {describe(error)}"))
                else:
                    running += 1
                    progress.started(node)
            if not running and not schedule.pending:
                return
            for job, outcome in workers.finished(POLL_SECONDS):
                running -= 1
                if outcome.killed and job.node.name not in retried:
                    retried.add(job.node.name)
                    self._logger.warning("%s: %s; trying once more", job.node.name, outcome.error)
                    schedule.retry(job.node)
                else:
                    end(job.node, outcome)
            progress.tick()

    def _job(self, node: Node, schedule: Schedule[Node], catalog: DataCatalog, run_id: str | None) -> Job:
        datasets = {name: catalog[name] for name in (*node.inputs, *node.outputs)}
        for parent in schedule.lost(node):  # not what an earlier run may have left in its place
            datasets |= {name: MemoryDataset(None) for name in parent.outputs if name in datasets}
        return Job(project.PACKAGE_NAME, self._threads, node, datasets, self._is_async, run_id)


def _pipeline_modules(package: str | None) -> list[str]:
    """Names of the modules with the nodes' functions, found without importing them; none outside a project."""
    found = importlib.util.find_spec(f"{package}.pipelines") if package else None
    folders = found.submodule_search_locations if found else None
    return [f"{package}.pipelines.{each.name}.nodes" for each in pkgutil.iter_modules(folders or []) if each.ispkg]


def _refuse_memory(pipeline: Pipeline, catalog: DataCatalog) -> None:
    lost = [
        name
        for name in sorted(pipeline.datasets())
        if getattr(catalog[name], "_EPHEMERAL", False) and not name.startswith(("params:", "parameters"))
    ]
    if lost:
        raise LowlandError(
            f"{len(lost)} dataset(s) have no catalog entry ({', '.join(lost[:NAMED])}{', ...' * (len(lost) > NAMED)}); "
            "workers share files only: give each an entry in conf/base/catalog.yml"
        )
