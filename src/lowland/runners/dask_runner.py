"""The same run on a Dask cluster: every worker sees the same files under the same path."""

from __future__ import annotations

import logging
import os
import queue
import signal
import uuid
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

from kedro.pipeline import Pipeline

from lowland.errors import LowlandError
from lowland.runners.grid_runner import GridRunner
from lowland.runners.worker import Job, Outcome, describe, execute
from lowland.runners.workers import THREAD_VARIABLES, Workers

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT_SECONDS = 10.0
FIRST_WORKER_SECONDS = 60.0
CLOSE_SECONDS = 20.0
HURRY_SECONDS = 1.5
CALM = {"DASK_LOGGING__DISTRIBUTED": "critical"}
COUNT_SECONDS = 1.0


class DaskRunner(GridRunner):
    """``kedro run --runner lowland.runners.DaskRunner --runner-params address=tcp://host:8786``.

    Without an address it starts a cluster of processes on this machine. Otherwise as ``GridRunner``; Dask itself moves
    the node of a dead worker to another one. Package and files must be at the same place for every worker.

    Args:
        address: Of a running scheduler.
        max_workers: Nodes that run at the same time; all cores, or all workers of the scheduler, by default.
        threads: Threads of one tensor operation in each.
        is_async: Load and save in threads.
    """

    def __init__(
        self, address: str | None = None, max_workers: int | None = None, threads: int = 1, is_async: bool = False
    ) -> None:
        super().__init__(max_workers=max_workers, threads=threads, is_async=is_async)
        self._address = address
        self._limit = max_workers

    def _warm_up(self) -> None:
        """Not needed: a cluster has processes of its own."""

    def _start_workers(self, count: int, pipeline: Pipeline) -> Workers:
        if self._address is None:
            return DaskWorkers.local(count, threads=self._threads)
        return DaskWorkers.connect(self._address, limit=self._limit)


class DaskWorkers:
    """Workers of a Dask scheduler, which may come and go; each runs one node at a time.

    Args:
        client: Connected to the scheduler.
        limit: Most jobs at a time; ``None`` for as many as there are workers.
    """

    def __init__(self, client: Client, *, limit: int | None = None) -> None:
        self._client, self._limit = client, limit
        self._running: dict[str, tuple[Job, Future]] = {}
        self._ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._count, self._counted = 0, 0.0

    @classmethod
    def local(cls, count: int, *, threads: int) -> DaskWorkers:
        """A cluster of processes on this machine, which ends with the run."""
        import dask

        distributed = _distributed()
        with dask.config.set({"distributed.nanny.pre-spawn-environ": CALM | dict.fromkeys(THREAD_VARIABLES, threads)}):
            cluster = distributed.LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},  # beside other clusters
                memory_limit=None,  # Dask's share of a machine with many cores pauses a worker for ever
            )
        return cls(distributed.Client(cluster), limit=count)

    @classmethod
    def connect(cls, address: str, *, limit: int | None = None) -> DaskWorkers:
        """The cluster of a running scheduler.

        Raises:
            LowlandError: No scheduler answers there, or it has no workers.
        """
        distributed = _distributed()
        try:
            client = distributed.Client(address, timeout=CONNECT_SECONDS)
        except (OSError, ValueError, TimeoutError) as error:
            raise LowlandError(
                f"address is {address}: no Dask scheduler answers there ({type(error).__name__}); "
                "start one with `dask scheduler`, or leave the address out"
            ) from None
        try:
            client.wait_for_workers(1, timeout=FIRST_WORKER_SECONDS)
        except TimeoutError:
            client.close()
            raise LowlandError(
                f"address is {address}: the scheduler has no workers after {FIRST_WORKER_SECONDS:.0f} s; "
                f"start some with `dask worker {address} --nthreads 1`"
            ) from None
        return cls(client, limit=limit)

    def free(self) -> int:
        """How many workers have nothing to do."""
        if monotonic() - self._counted > COUNT_SECONDS:
            self._count, self._counted = len(self._client.nthreads()), monotonic()
        count = self._count if self._limit is None else min(self._count, self._limit)
        return max(0, count - len(self._running))

    def submit(self, job: Job) -> None:
        """Hands a job to the scheduler."""
        key = f"{job.node.name}-{uuid.uuid4().hex}"  # another run on the same scheduler may have the same nodes
        future = self._client.submit(execute, job, key=key, pure=False)
        self._running[key] = job, future
        future.add_done_callback(lambda over: self._ended.put(over.key))

    def finished(self, timeout: float) -> list[tuple[Job, Outcome]]:
        """Jobs that ended, waiting up to ``timeout`` seconds for the first."""
        try:
            keys = [self._ended.get(timeout=timeout)]
        except queue.Empty:
            self._require_scheduler()
            return []
        while not self._ended.empty():
            keys.append(self._ended.get())
        return [self._collect(key) for key in keys]

    def close(self, *, now: bool = False) -> None:
        """Leaves the scheduler; ends it where this run started it."""
        cluster, seconds = self._client.cluster, HURRY_SECONDS if now else CLOSE_SECONDS
        if now:
            with suppress(Exception):  # whatever state it is in, we are leaving
                self._client.cancel([future for _, future in self._running.values()], force=True)
            for nanny in cluster.workers.values() if cluster is not None else ():
                nanny.auto_restart = False
                with suppress(OSError, TypeError):  # it may have no process any more
                    os.kill(nanny.pid, signal.SIGKILL)  # files are renamed into place when whole
        self._running.clear()
        with suppress(TimeoutError):  # what is left of a cluster of ours are daemons, which end with this process
            self._client.close(timeout=seconds)
            if cluster is not None:
                cluster.close(timeout=seconds)

    def _collect(self, key: str) -> tuple[Job, Outcome]:
        job, future = self._running.pop(key)
        try:
            return job, future.result(timeout=CONNECT_SECONDS)
        except Exception as error:  # worker killed again and again, package not found there, scheduler lost
            return job, Outcome(error=describe(error))

    def _require_scheduler(self) -> None:
        if self._client.status != "running":
            raise LowlandError(f"the Dask scheduler is gone (the client is {self._client.status}); start it again")


def _distributed():  # type: ignore[no-untyped-def]  # a module, imported late: it is an extra and takes a second
    try:
        import distributed
    except ModuleNotFoundError:
        raise LowlandError("DaskRunner needs the package distributed: pip install 'lowland[dask]'") from None
    _stay_calm()
    return distributed


def _stay_calm() -> None:
    """Only the runner tells what happens: a dead worker is reported where its node is."""
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
