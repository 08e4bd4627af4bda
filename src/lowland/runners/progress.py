"""What a run tells while it goes on: a bar on a terminal, one line for every finished stage."""

from __future__ import annotations

import logging
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import ExitStack
from time import monotonic
from typing import Any

import rich
from kedro.pipeline.node import Node
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from lowland.runners.schedule import State

GATHER = "gather"
HEARTBEAT_SECONDS = 30.0


def stage_of(node: Node) -> str:
    """The stage that a node belongs to: its tag (``gather`` says how it is scheduled, not where it belongs).

    ``<stage>.<part>`` is the tag of a part of it.
    """
    stages = {tag for tag in node.tags - {GATHER} if "." not in tag}
    return "+".join(sorted(stages)) or (GATHER if node.tags else "untagged")


def tag_of(node: Node) -> str:
    """What selects the node with those that run together: the tag of its part, or of its stage."""
    return next((tag for tag in sorted(node.tags) if "." in tag), stage_of(node))


class RunProgress:
    """Counts finished nodes; use as a context manager.

    Args:
        nodes: All nodes of the run.
        logger: Takes the lines.
    """

    def __init__(self, nodes: Iterable[Node], logger: logging.Logger) -> None:
        self._logger = logger
        self._left = Counter(stage_of(node) for node in nodes)
        self._total, self._over = self._left.total(), 0
        self._ends: dict[str, Counter[State]] = defaultdict(Counter)
        self._starts: dict[str, float] = {}
        self._begin = self._last_sign = monotonic()
        self._task: TaskID | None = None
        self._ending = ExitStack()
        console = rich.get_console()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> RunProgress:
        handlers = [h for h in logging.getLogger().handlers if type(h) is logging.StreamHandler]
        streams = [handler.stream for handler in handlers]
        self._bar.start()
        if not self._bar.disable:
            for handler, stream in zip(handlers, streams, strict=True):
                handler.setStream(sys.stderr)  # the bar's, for now: lines appear above it
                self._ending.callback(handler.setStream, stream)
        self._task = self._bar.add_task("nodes", total=self._total)
        return self

    def __exit__(self, *_: Any) -> None:
        self._ending.close()
        self._bar.stop()

    def started(self, node: Node) -> None:
        """A node was handed to a worker."""
        stage = stage_of(node)
        self._starts.setdefault(stage, monotonic())
        if self._task is not None:
            self._bar.update(self._task, description=stage)

    def over(self, node: Node, state: State) -> None:
        """A node ended; the last one of its stage is worth a line."""
        stage = stage_of(node)
        self._over += 1
        self._left[stage] -= 1
        self._ends[stage][state] += 1
        if self._task is not None:
            self._bar.advance(self._task)
        if not self._left[stage]:
            ends = ", ".join(f"{count} {state.value}" for state, count in sorted(self._ends[stage].items(), key=_order))
            since = self._starts.get(stage)
            self._say("%s: %s%s", stage, ends, "" if since is None else f" in {monotonic() - since:.0f} s")

    def tick(self) -> None:
        """A sign of life where no bar moves."""
        if self._bar.disable and monotonic() - self._last_sign > HEARTBEAT_SECONDS:
            self._say("%d of %d nodes after %.0f s", self._over, self._total, monotonic() - self._begin)

    def _say(self, text: str, *values: object) -> None:
        self._last_sign = monotonic()
        self._logger.info(text, *values)


def _order(item: tuple[State, int]) -> int:
    return list(State).index(item[0])
