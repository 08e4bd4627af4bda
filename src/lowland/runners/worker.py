"""What happens in a worker process: one node at a time, and whatever happens comes back as plain values."""

from __future__ import annotations

import logging
import re
import threading
import traceback
import warnings
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any

from kedro.framework import project
from kedro.framework.hooks.manager import _create_hook_manager, _register_hooks
from kedro.io import AbstractDataset, DataCatalog
from kedro.pipeline.node import Node
from kedro.runner.task import Task
from pluggy import PluginManager

from lowland.errors import LowlandError


@dataclass(frozen=True, slots=True)
class Job:
    """One node with all that it needs, ready to travel.

    Attributes:
        package: The Kedro project whose hooks run, or ``None``.
        threads: Threads of one tensor operation.
        node: The node.
        datasets: Its inputs and outputs by name.
        is_async: Load and save in threads.
        run_id: Kedro's name of the run.
    """

    package: str | None
    threads: int
    node: Node
    datasets: dict[str, AbstractDataset]
    is_async: bool = False
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a node ended. Text only: an exception of any class may refuse to travel.

    Attributes:
        error: One line, or ``None`` where the node is done.
        traceback: The stack trace of the error.
        killed: The worker died with the node; it may be tried again.
        seconds: Wall time of loading, computing and saving.
        peak_megabytes: Largest resident memory of the worker meanwhile.
        messages: Warnings that were logged or raised meanwhile.
    """

    error: str | None = None
    traceback: str = ""
    killed: bool = False
    seconds: float = float("nan")
    peak_megabytes: float = float("nan")
    messages: tuple[str, ...] = ()


_ONE_AT_A_TIME = threading.Lock()  # nodes of one process share torch's global generator


def execute(job: Job) -> Outcome:
    """Runs one node, from loading its inputs to saving its outputs."""
    import torch  # the runner imports this module first of all, and is to start its workers before it waits for torch

    with _ONE_AT_A_TIME:
        start, error, trace = perf_counter(), None, ""
        _reset_peak_memory()
        with _Messages() as messages:
            try:
                torch.set_num_threads(job.threads)  # of the calling thread, hence every time
                hooks = _hooks(job.package)
                Task(job.node, DataCatalog(job.datasets), job.is_async, hook_manager=hooks, run_id=job.run_id).execute()
            except Exception as exception:
                error, trace = describe(exception), traceback.format_exc()
        return Outcome(
            error=error,
            traceback=trace,
            seconds=perf_counter() - start,
            peak_megabytes=_peak_megabytes(),
            messages=tuple(dict.fromkeys(messages.texts)),
        )


def describe(exception: BaseException) -> str:
    """The exception in one line."""
    text = " ".join(str(exception).split())
    return text if isinstance(exception, LowlandError) else f"{type(exception).__name__}: {text}".rstrip(": ")


@lru_cache(maxsize=1)
def _hooks(package: str | None) -> PluginManager:
    """The project's hooks. Not those of plugins: kedro-viz' collect what only the main process writes."""
    logging.getLogger("kedro.pipeline.node").setLevel(logging.CRITICAL)  # the runner reports failures
    if package is not None and package != project.PACKAGE_NAME:
        project.configure_project(package)
    hooks = _create_hook_manager()
    _register_hooks(hooks, project.settings.HOOKS)
    return hooks


class _Messages(logging.Handler):
    """Collects warnings, logged or raised, while a node runs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        self._show = warnings.showwarning

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage().strip())

    def __enter__(self) -> _Messages:
        warnings.showwarning = self._warned
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *_: Any) -> None:
        logging.getLogger().removeHandler(self)
        warnings.showwarning = self._show

    def _warned(self, message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        self.texts.append(f"{category.__name__}: {message}")


def _reset_peak_memory() -> None:
    with suppress(OSError):  # not Linux, or not allowed: the peak of the process so far then
        Path("/proc/self/clear_refs").write_text("5")


def _peak_megabytes() -> float:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return float("nan")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else float("nan")
