"""Kedro's own runners that give this project's results: same progress, same threads, failures in one line."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context, set_start_method
from typing import Any

import click
import kedro.runner
from kedro.framework import project
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.runner import AbstractRunner
from pluggy import PluginManager

from lowland.errors import LowlandError
from lowland.runners.own_hooks import left_of, own_hooks
from lowland.runners.progress import RunProgress
from lowland.runners.schedule import State
from lowland.runners.worker import describe

_log = logging.getLogger(__name__)
NO_THREADS = (
    "--runner {}: threads share torch's random generator, so every run would give other networks; leave --runner out "
    "(all cores), or take SequentialRunner"
)


class _Shown(AbstractRunner):
    """What both share: Kedro calls ``_release_datasets`` after every node, and that is where progress is seen."""

    _progress: RunProgress | None = None
    _own = own_hooks(None)
    _done = 0

    @property
    def _logger(self) -> logging.Logger:
        """Kedro's own lines, one or two a node, stay where Kedro's configuration puts them."""
        return logging.getLogger("kedro.runner")

    def _run(
        self,
        pipeline: Pipeline,
        catalog: DataCatalog,  # type: ignore[override]  # Kedro's protocol lacks what its runners use
        hook_manager: PluginManager | None = None,
        run_id: str | None = None,
    ) -> None:
        self._own = own_hooks(hook_manager)
        pipeline = left_of(pipeline, self._own)
        if not pipeline.nodes:
            self._own.before_first_node()
            return
        import torch  # late: this package is imported before the workers start, which import it meanwhile

        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # as in the workers of GridRunner: results depend on the number
        try:
            with RunProgress(pipeline.nodes, _log) as self._progress:
                self._own.before_first_node()
                super()._run(pipeline, catalog, hook_manager, run_id)
        except KeyboardInterrupt:
            self._own.after_interrupt()
            _log.warning("Interrupted: %d of %d nodes are over and saved", self._done, len(pipeline.nodes))
            raise
        except (LowlandError, click.ClickException):
            raise
        except Exception as error:  # whatever a node may raise
            _log.debug("the node's stack trace", exc_info=error)
            raise click.ClickException(
                f"{describe(error)}; {self._done} of {len(pipeline.nodes)} nodes are done and saved, and "
                "--only-missing-outputs continues from there (lowland.runners.GridRunner goes on past failures)"
            ) from error
        finally:
            torch.set_num_threads(threads)
            self._progress = None

    def _release_datasets(  # type: ignore[override]  # static in Kedro, which calls it on the instance
        self, node: Node, catalog: DataCatalog, load_counts: dict[str, int], pipeline: Pipeline
    ) -> None:
        super()._release_datasets(node, catalog, load_counts, pipeline)
        self._done += 1
        self._own.after_node_saved(node)
        if self._progress is not None:
            self._progress.over(node, State.DONE)
            self._progress.tick()

    def _suggest_resume_scenario(self, pipeline: Pipeline, done_nodes: Iterable[Node], catalog: Any) -> None:
        """Not needed: files are there, and ``--only-missing-outputs`` finds them."""


class SequentialRunner(_Shown, kedro.runner.SequentialRunner):  # type: ignore[misc]  # DataCatalog, not its protocol
    """One node after the other in this process: what a debugger wants."""


class ParallelRunner(_Shown, kedro.runner.ParallelRunner):  # type: ignore[misc]  # DataCatalog, not its protocol
    """Kedro's pool of processes.

    Args:
        max_workers: Nodes that run at the same time; all cores by default.
        is_async: Load and save in threads.
    """

    def __init__(self, max_workers: int | None = None, is_async: bool = False) -> None:
        if max_workers is not None and not (isinstance(max_workers, int) and max_workers >= 1):
            raise LowlandError(f"max_workers is {max_workers!r}; expected a whole number from 1")
        super().__init__(max_workers=max_workers, is_async=is_async)

    def __del__(self) -> None:
        with suppress(AttributeError):  # refused before there was one
            super().__del__()

    def _get_executor(self, max_workers: int) -> Executor:
        # never plain fork: once this process has run a threaded torch operation, a forked child deadlocks
        return ProcessPoolExecutor(
            max_workers, mp_context=get_context("forkserver"), initializer=_begin, initargs=(project.PACKAGE_NAME,)
        )


def _begin(package: str | None) -> None:
    """A new worker knows neither the project nor how many threads an operation may have.

    Where Kedro reads from the start method that it must tell a worker the project, it does so before every node, and
    from the second one on its logging settings contain themselves: hence the other name, which nothing else asks for.
    """
    import torch

    torch.set_num_threads(1)
    if package is not None:
        project.configure_project(package)
        set_start_method("fork", force=True)
