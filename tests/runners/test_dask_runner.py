import os
import signal
import socket
import threading
import time
from contextlib import suppress

import pandas as pd
import pytest

from lowland.errors import LowlandError
from lowland.runners import DaskRunner, GridRunError, GridRunner, dask_runner
from tests.runners import toy
from tests.runners.cluster import cluster, free_port

CELLS = {"a": {}, "b": {}, "c": {}}

pytestmark = pytest.mark.dask


def run(runner, folder, cells):
    runner.run(toy.study(list(cells)), toy.catalog(folder, cells))


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("expected")
    run(GridRunner(max_workers=1), folder, CELLS)
    return toy.results(folder)


def test_a_local_cluster_of_two_processes_gives_the_same_bytes(tmp_path, expected):
    run(DaskRunner(max_workers=2), tmp_path, CELLS)
    assert toy.results(tmp_path) == expected
    assert pd.read_parquet(tmp_path / "timings.parquet")["seconds"].gt(0).all()


def test_a_failed_node_on_a_cluster_blocks_its_descendants_only(tmp_path):
    with socket.socket() as dashboard_of_another_cluster:
        with suppress(OSError):  # taken already: just as well
            dashboard_of_another_cluster.bind(("", 8787))
            dashboard_of_another_cluster.listen()
        with pytest.raises(GridRunError, match=r"1 failed \(b\.square\), 1 skipped, 7 done") as caught:
            run(DaskRunner(max_workers=1), tmp_path, CELLS | {"b": {"fails": True}})
    assert caught.value.failed == {"b.square": "UnpicklableError: boom b"}


def test_a_worker_of_an_external_scheduler_may_die(tmp_path, expected):
    cells = {name: {"seconds": 1.5} for name in CELLS}
    data = tmp_path / "data"
    with cluster(tmp_path, workers=2) as (address, workers):

        def kill_a_busy_one():
            while not (data / "a.process").exists():
                time.sleep(0.02)
            os.kill(int((data / "a.process").read_text()), signal.SIGKILL)

        killer = threading.Thread(target=kill_a_busy_one)
        killer.start()
        run(DaskRunner(address=address), data, cells)
        killer.join()
        assert sorted(worker.poll() is None for worker in workers) == [False, True]
    assert toy.results(data) == expected
    assert (data / "a.tried").read_text() == "2"


def test_no_scheduler_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(dask_runner, "CONNECT_SECONDS", 0.5)
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(LowlandError, match=f"address is {address}: no Dask scheduler answers there"):
        run(DaskRunner(address=address), tmp_path, CELLS)


def test_a_scheduler_without_workers_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(dask_runner, "FIRST_WORKER_SECONDS", 0.5)
    with (
        cluster(tmp_path, workers=0) as (address, _),
        pytest.raises(LowlandError, match=r"the scheduler has no workers after 0 s; start some with `dask worker"),
    ):
        run(DaskRunner(address=address), tmp_path / "data", CELLS)
