"""Kedro's own runners: the project's bytes, its progress, its way to fail."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
import torch

from lowland.errors import LowlandError
from lowland.runners import GridRunner, ParallelRunner, SequentialRunner
from tests.runners import toy

ROOT = Path(__file__).resolve().parents[2]
CELLS = {"a": {}, "b": {}}
STAGES = ("preparation: 1 done", "training: 2 done", "landscape: 2 done", "summary: 2 done")


def run(runner, folder, cells):
    runner.run(toy.study(list(cells)), toy.catalog(folder, cells))


def test_one_process_gives_the_same_bytes_and_progress(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    run(GridRunner(max_workers=1), tmp_path / "grid", CELLS)
    threads = torch.get_num_threads()
    caplog.clear()
    run(SequentialRunner(), tmp_path / "one", CELLS)
    assert toy.results(tmp_path / "one") == toy.results(tmp_path / "grid")
    lines = "\n".join(record.getMessage() for record in caplog.records if record.levelno >= logging.INFO)
    assert all(stage in lines for stage in STAGES), lines
    assert "Completed" not in "".join(r.getMessage() for r in caplog.records if r.name.startswith("lowland"))
    assert torch.get_num_threads() == threads


def test_a_failed_node_is_one_line_and_what_is_done_stays(tmp_path):
    with pytest.raises(click.ClickException, match=r"UnpicklableError: boom b; \d of 7 nodes are done") as caught:
        run(SequentialRunner(), tmp_path, CELLS | {"b": {"fails": True}})
    assert caught.value.exit_code == 1 and "\n" not in caught.value.message
    assert (tmp_path / "source.parquet").exists()


def test_the_hook_before_the_first_node_is_called_once_and_first(tmp_path):
    calls = []

    class Hooks:
        def __getattr__(self, name):
            return lambda **_: calls.append(name)

    class Manager:
        hook = Hooks()

    SequentialRunner().run(toy.study(["a"]), toy.catalog(tmp_path, {"a": {}}), Manager())
    assert calls[:2] == ["made_before", "before_first_node"] and calls.count("before_first_node") == 1


def shown_by_kedro(folder):
    from kedro.io import SharedMemoryDataCatalog

    datasets = toy.catalog(folder, CELLS)
    return SharedMemoryDataCatalog({name: datasets.get(name) for name in datasets})


def test_a_pool_gives_the_same_bytes_in_other_processes(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    run(GridRunner(max_workers=1), tmp_path / "grid", CELLS)
    caplog.clear()
    ParallelRunner(max_workers=2).run(toy.study(list(CELLS)), shown_by_kedro(tmp_path / "pool"))
    assert toy.results(tmp_path / "pool") == toy.results(tmp_path / "grid")
    assert str(os.getpid()) not in {path.read_text() for path in (tmp_path / "pool").glob("*.process")}
    lines = "\n".join(record.getMessage() for record in caplog.records)
    assert all(stage in lines for stage in STAGES), lines


@pytest.mark.parametrize("workers", [0, "two"])
def test_wrong_options_are_one_line(workers):
    with pytest.raises(LowlandError, match=f"max_workers is {workers!r}; expected a whole number from 1"):
        ParallelRunner(max_workers=workers)


POOL = """
import sys
from pathlib import Path
from kedro.framework.project import configure_project
from kedro.io import SharedMemoryDataCatalog
from lowland.runners import ParallelRunner
from tests.runners import toy

if __name__ == "__main__":
    configure_project("lowland")
    cells = {name: {} for name in "abc"}
    datasets = toy.catalog(Path(sys.argv[1]), cells)
    shared = SharedMemoryDataCatalog({name: datasets.get(name) for name in datasets})
    ParallelRunner(max_workers=1).run(toy.study(list(cells)), shared)
"""


def test_a_worker_of_the_pool_runs_many_nodes_of_a_project(tmp_path):
    (tmp_path / "pool.py").write_text(POOL)
    path = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(tmp_path / "pool.py"), str(tmp_path / "data")],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "data/report.parquet").exists()
