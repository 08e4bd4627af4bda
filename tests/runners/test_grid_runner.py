import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline
from kedro.runner import SequentialRunner

from lowland.errors import LowlandError
from lowland.runners import GridRunError, GridRunner
from tests.runners import toy
from tests.study.project import hear_interrupts

ROOT = Path(__file__).resolve().parents[2]
CELLS = {"a": {}, "b": {}, "c": {}}


def run(folder, cells, **options):
    GridRunner(**{"max_workers": 2} | options).run(toy.study(list(cells)), toy.catalog(folder, cells))


def gathered(folder):
    frame = pd.read_parquet(folder / "table.parquet")
    return dict(zip(frame["cell"], frame["value"], strict=True))


def test_results_are_those_of_one_process(tmp_path):
    run(tmp_path / "grid", CELLS)
    SequentialRunner().run(toy.study(list(CELLS)), toy.catalog(tmp_path / "one", CELLS))
    assert toy.results(tmp_path / "grid") == toy.results(tmp_path / "one")
    assert gathered(tmp_path / "grid") == {"a": 4.5, "b": 5.0, "c": 5.5}


@pytest.mark.parametrize("workers", [1, 3])
def test_results_do_not_depend_on_the_number_of_workers(tmp_path, workers):
    run(tmp_path / "two", CELLS)
    run(tmp_path / "other", CELLS, max_workers=workers)
    assert toy.results(tmp_path / "two") == toy.results(tmp_path / "other")


def test_a_failed_node_blocks_its_descendants_and_the_gathers_go_on(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    with pytest.raises(GridRunError, match=r"1 failed \(b\.square\), 1 skipped, 7 done") as caught:
        run(tmp_path, CELLS | {"b": {"fails": True}})
    assert caught.value.exit_code == 1
    assert caught.value.failed == {"b.square": "UnpicklableError: boom b"}
    assert "Traceback" in caught.value.tracebacks["b.square"]
    assert caught.value.skipped == ["b.half"]
    values = gathered(tmp_path)
    assert (values["a"], values["c"]) == (4.5, 5.5)
    assert pd.isna(values["b"])
    assert pd.read_parquet(tmp_path / "report.parquet")["value"].tolist()[0] == 2.25
    lines = [record.getMessage() for record in caplog.records]
    assert "b.square failed: UnpicklableError: boom b" in lines
    assert not any("Traceback" in r.getMessage() for r in caplog.records if r.levelno > logging.DEBUG)
    assert any(line.startswith("training: 2 done, 1 failed in") for line in lines)
    assert "landscape: 2 done, 1 skipped" in " ".join(lines)


def test_a_gather_does_not_take_an_earlier_file_for_this_runs(tmp_path):
    run(tmp_path, CELLS)
    with pytest.raises(GridRunError):
        run(tmp_path, CELLS | {"b": {"fails": True}})
    assert pd.isna(gathered(tmp_path)["b"])


def test_a_killed_worker_is_replaced_and_its_node_tried_once_more(tmp_path, caplog):
    run(tmp_path, CELLS | {"b": {"killed": 1}})
    assert gathered(tmp_path)["b"] == 5.0
    assert (tmp_path / "b.tried").read_text() == "2"
    assert "b.square: its worker was killed (SIGKILL); trying once more" in caplog.text


def test_a_node_that_kills_its_worker_twice_has_failed(tmp_path):
    with pytest.raises(GridRunError) as caught:
        run(tmp_path, CELLS | {"a": {"killed": 9}, "b": {"exits": True}})
    assert caught.value.failed == {
        "a.square": "its worker was killed (SIGKILL)",
        "b.square": "its worker was killed (exit code 7)",
    }
    assert (tmp_path / "a.tried").read_text() == "2"
    assert gathered(tmp_path)["c"] == 5.5


def test_a_node_that_cannot_travel_is_a_failed_node(tmp_path):
    pipeline = Pipeline([Node(lambda frame: frame, "source", "table", name="anonymous")])
    catalog = toy.catalog(tmp_path, {})
    catalog.save("source", toy.source())
    with pytest.raises(GridRunError) as caught:
        GridRunner(max_workers=1).run(pipeline, catalog)
    assert "anonymous" in caught.value.failed
    assert "cannot be sent to a worker" in caught.value.failed["anonymous"]


def test_a_dataset_without_a_file_is_refused_before_anything_runs(tmp_path):
    catalog = toy.catalog(tmp_path, CELLS)
    catalog["b.square"] = MemoryDataset()
    with pytest.raises(LowlandError, match=r"1 dataset\(s\) have no catalog entry \(b\.square\)"):
        GridRunner(max_workers=1).run(toy.study(list(CELLS)), catalog)
    assert not (tmp_path / "source.parquet").exists()


@pytest.mark.parametrize("options", [{"max_workers": 0}, {"max_workers": "two"}, {"threads": -1}])
def test_wrong_options_are_one_line(options):
    ((name, value),) = options.items()
    with pytest.raises(LowlandError, match=f"{name} is {value!r}; expected a whole number from 1"):
        GridRunner(**options)


def test_an_empty_pipeline_starts_no_workers(tmp_path):
    GridRunner().run(Pipeline([]), DataCatalog())


def test_seconds_and_memory_of_every_node_are_kept(tmp_path):
    with pytest.raises(GridRunError):
        run(tmp_path, CELLS | {"b": {"fails": True}})
    table = pd.read_parquet(tmp_path / "timings.parquet").set_index("node")
    assert table.loc["b.square", "status"] == "failed"
    assert "b.half" not in table.index
    assert table.loc["a.square", "stage"] == "training"
    assert table["seconds"].between(0, 60).all()
    if sys.platform == "linux":
        assert table["peak_megabytes"].between(20, 20_000).all()


def test_a_nested_node_is_known_by_its_namespace(tmp_path):
    cells = {"jets.plain.s0.fp32": {}}
    catalog = toy.catalog(tmp_path, cells)
    catalog.save("source", toy.source())
    template = Pipeline([Node(toy.half, "source", "half", name="measure", tags=["landscape"])])
    placed = Pipeline(template, namespace="jets.plain.s0.fp32", inputs={"source"})
    GridRunner(max_workers=1).run(placed, catalog)
    (row,) = pd.read_parquet(tmp_path / "timings.parquet").to_dict("records")
    assert row["node"] == "jets.plain.s0.fp32.measure"
    assert (row["stage"], row["namespace"], row["status"]) == ("landscape", "jets.plain.s0.fp32", "ok")


def test_a_partial_run_keeps_the_other_rows(tmp_path):
    run(tmp_path, CELLS)
    before = pd.read_parquet(tmp_path / "timings.parquet").set_index("node")
    cells = CELLS | {"a": {"seconds": 0.3}}
    part = toy.study(list(cells)).only_nodes("a.square")
    GridRunner(max_workers=1).run(part, toy.catalog(tmp_path, cells))
    after = pd.read_parquet(tmp_path / "timings.parquet").set_index("node")
    assert list(after.index) == list(before.index)
    assert after.loc["a.square", "seconds"] >= 0.3
    pd.testing.assert_frame_equal(after.drop("a.square"), before.drop("a.square"))


def test_only_missing_outputs_continues(tmp_path):
    with pytest.raises(GridRunError):
        run(tmp_path, CELLS | {"b": {"killed": 2}})
    (tmp_path / "table.parquet").unlink()
    catalog = toy.catalog(tmp_path, CELLS | {"b": {"killed": 2}})
    GridRunner(max_workers=2).run(toy.study(list(CELLS)), catalog, only_missing_outputs=True)
    assert gathered(tmp_path) == {"a": 4.5, "b": 5.0, "c": 5.5}
    assert (tmp_path / "a.tried").read_text() == "1"


PROJECT_SETTINGS = """
import os
from pathlib import Path
from kedro.framework.hooks import hook_impl

class Witness:
    @hook_impl
    def before_node_run(self, node):
        with Path(__file__).with_name("seen").open("a") as seen:
            seen.write(f"{node.name} {os.getpid()}\\n")

HOOKS = (Witness(),)
"""
HOOKED = """
import os, sys
from pathlib import Path
from kedro.framework.project import configure_project
from lowland.runners import GridRunner
from tests.runners import toy

if __name__ == "__main__":
    configure_project("witnessed")
    GridRunner(max_workers=2).run(toy.study(["a"]), toy.catalog(Path(sys.argv[1]), {"a": {}}))
    print(os.getpid())
"""


def test_the_projects_hooks_run_in_the_workers(tmp_path):
    package = tmp_path / "witnessed"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "settings.py").write_text(PROJECT_SETTINGS)
    (tmp_path / "hooked.py").write_text(HOOKED)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(tmp_path / "hooked.py"), str(tmp_path / "data")],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        capture_output=True,
        text=True,
        check=True,
    )
    main = done.stdout.split()[-1]
    seen = [line.split() for line in (package / "seen").read_text().splitlines()]
    assert sorted(name for name, _ in seen) == ["a.half", "a.square", "gather", "prepare", "report"]
    assert main not in {process for _, process in seen}
    assert "Running node" not in done.stdout  # calm: only the runner talks


INTERRUPTED = """
import sys
from pathlib import Path
from lowland import runners
from tests.runners import toy

if __name__ == "__main__":
    cells = {"quick": {}} | {f"slow{i}": {"seconds": 60} for i in range(6)}
    try:
        runner = getattr(runners, sys.argv[1])(max_workers=2)
        runner.run(toy.study(list(cells)), toy.catalog(Path(sys.argv[2]), cells))
    except KeyboardInterrupt:
        sys.exit("interrupted")
"""


def wait_for(condition, seconds=200):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)


@pytest.mark.parametrize("runner", ["GridRunner", pytest.param("DaskRunner", marks=pytest.mark.dask)])
def test_ctrl_c_ends_without_waiting_for_nodes_and_finished_ones_stay(tmp_path, runner):
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)
    with (tmp_path / "output").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(script), runner, str(tmp_path / "data")],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=hear_interrupts,
        )
    slow = [tmp_path / "data" / f"slow{i}.tried" for i in range(6)]
    wait_for(lambda: sum(path.exists() for path in slow) == 2)  # both workers are busy
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
    assert process.wait(timeout=50) == 1  # a node would take 60 s; how many it takes here is for benchmarks to say
    output = (tmp_path / "output").read_text()
    assert "nodes are over and saved" in output
    assert "Traceback" not in output
    assert (tmp_path / "data" / "quick.square.parquet").exists()
    assert not (tmp_path / "data" / "slow0.square.parquet").exists()
    assert not list((tmp_path / "data").glob(".*.part"))
    table = pd.read_parquet(tmp_path / "data" / "timings.parquet")
    assert "quick.square" in set(table["node"])
    wait_for(lambda: not group_is_alive(process.pid))  # nothing goes on in the background


def group_is_alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
