"""A Dask cluster of separate processes on loopback."""

import os
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

from distributed import Client

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def started(*arguments, folder):
    """A dask command until the block ends."""
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(ROOT))))
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": path},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def cluster(folder, workers):
    """A scheduler on loopback with workers: its address and their processes."""
    address = f"tcp://127.0.0.1:{free_port()}"
    with ExitStack() as stack:
        stack.enter_context(started("scheduler", "--host", address, "--no-dashboard", folder=folder))
        command = ("worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny", "--host", "127.0.0.1")
        processes = [stack.enter_context(started(*command, folder=folder)) for _ in range(workers)]
        if workers:
            with Client(address, timeout=120) as client:
                client.wait_for_workers(workers, timeout=200)
        yield address, processes


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]
