"""What a runner asks of its workers, and the worker processes of this machine."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from multiprocessing.reduction import ForkingPickler
from typing import Protocol

from lowland.runners.worker import Job, Outcome, describe, execute

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Workers(Protocol):
    """Somewhere to run jobs. Never given more than ``free`` says, so an interrupt has little to wait for."""

    def free(self) -> int:
        """How many more jobs may be submitted now."""

    def submit(self, job: Job) -> None:
        """Start a job."""

    def finished(self, timeout: float) -> list[tuple[Job, Outcome]]:
        """Jobs that ended, waiting up to ``timeout`` seconds for the first."""

    def close(self, *, now: bool = False) -> None:
        """End the workers; ``now`` where their work is not wanted any more."""


class LocalWorkers:
    """Worker processes on this machine, one job each; a dead one is replaced, and its job comes back as killed.

    Args:
        count: Number of processes.
        threads: Threads of one tensor operation.
        preload: Modules to import once, before the workers are forked from that process.
    """

    def __init__(self, count: int, *, threads: int, preload: Sequence[str] = ()) -> None:
        warm_up(threads=threads, preload=preload)
        self._context = get_context("forkserver")
        self._processes: dict[Connection, ForkServerProcess] = {}
        self._idle: list[Connection] = []
        self._running: dict[Connection, Job] = {}
        try:
            for _ in range(count):
                self._start()
        except BaseException:  # Ctrl-C while they start
            self.close(now=True)
            raise

    def free(self) -> int:
        """How many processes have nothing to do."""
        return len(self._idle)

    def submit(self, job: Job) -> None:
        """Sends a job to an idle process.

        Raises:
            pickle.PicklingError, AttributeError, TypeError: The node's function is no module-level function.
        """
        content = ForkingPickler.dumps(job)
        connection = self._idle.pop()
        self._running[connection] = job
        with suppress(OSError):  # died while idle: the closed connection is noticed like any other death
            connection.send_bytes(content)

    def finished(self, timeout: float) -> list[tuple[Job, Outcome]]:
        """Jobs that ended, waiting up to ``timeout`` seconds for the first."""
        ended = []
        for connection in wait(list(self._running), timeout):
            assert isinstance(connection, Connection)
            job = self._running.pop(connection)
            try:
                outcome = connection.recv()
                self._idle.append(connection)
            except (EOFError, OSError):
                outcome = Outcome(error=f"its worker was killed ({self._bury(connection)})", killed=True)
                self._start()
            ended.append((job, outcome))
        return ended

    def close(self, *, now: bool = False) -> None:
        """Ends the processes: at once, or after the job in hand."""
        for process in self._processes.values():
            if now:
                process.kill()  # files are renamed into place when whole: nothing can be half written
        for connection in self._processes:
            connection.close()
        for process in self._processes.values():
            process.join()
        self._processes.clear()

    def _start(self) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=serve, args=(theirs,))
        process.start()
        theirs.close()
        self._processes[ours] = process
        self._idle.append(ours)

    def _bury(self, connection: Connection) -> str:
        process = self._processes.pop(connection)
        connection.close()
        process.join()
        code = process.exitcode or 0
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def warm_up(*, threads: int, preload: Sequence[str] = ()) -> None:
    """Starts the process that workers are forked from, if there is none: it imports while this one goes on.

    Never plain fork: once this process has run a threaded torch operation, a forked child deadlocks.
    """
    forkserver.set_forkserver_preload(["__main__", __name__, *preload])
    with _environment(threads), _interrupts_ignored():
        forkserver.ensure_running()


def serve(connection: Connection) -> None:
    """A worker's life: receive a job, run it, send the outcome, until the runner hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the runner decides
    logging.getLogger().handlers.clear()  # only the runner writes to the terminal: warnings travel with the outcome
    while True:
        try:
            content = connection.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            outcome = execute(pickle.loads(content))
        except Exception as error:  # a module that only the main process finds
            outcome = Outcome(error=describe(error))
        try:
            connection.send(outcome)
        except OSError:
            return


@contextmanager
def _environment(threads: int) -> Iterator[None]:
    """Sets what numerical libraries read when they are loaded."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """A process started meanwhile ignores Ctrl-C from its first moment, and so do its children."""
    if threading.current_thread() is not threading.main_thread():  # signals belong to the main thread
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
