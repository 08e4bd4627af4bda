"""The smoke study on Dask: a local cluster, and an external scheduler that loses a worker on the way."""

import time

import pytest

from tests.runners.test_dask_runner import cluster

pytestmark = pytest.mark.dask
RUNNER = ("--runner", "lowland.runners.DaskRunner")


def test_a_local_cluster_of_two_processes_gives_the_same_bytes(finished, project):
    result = project.kedro("run", "--env", "smoke", *RUNNER, "--runner-params", "max_workers=2")
    assert result.returncode == 0, result.stderr
    assert project.tables() == finished.tables()


def test_a_scheduler_that_loses_a_worker_gives_the_same_bytes(finished, project, monkeypatch):
    _, options = project.command()
    monkeypatch.setenv("PYTHONPATH", options["env"]["PYTHONPATH"])
    with cluster(project.folder, workers=2) as (address, workers):
        process = project.start("run", "--env", "smoke", *RUNNER, "--runner-params", f"address={address}")
        deadline = time.monotonic() + 300
        while len(project.cells_done()) < 6 and time.monotonic() < deadline:
            assert process.poll() is None, process.communicate()
            time.sleep(0.1)
        workers[0].kill()
        _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    assert project.tables() == finished.tables()
