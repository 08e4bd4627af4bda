"""params.yaml is written of the parameters that a run would have, or not at all."""

import subprocess
import sys

import pytest

from lowland import grid
from scripts.write_params import own_code, raw_tables, resolved, sources
from tests.own_package import SIZES as PACKAGE_SIZES
from tests.studies import default_parameters


def test_an_environment_that_does_not_exist_is_one_line(tmp_path):
    before = (grid.ROOT / "params.yaml").read_bytes()
    command = [sys.executable, "scripts/write_params.py", "--env", "smoek"]
    done = subprocess.run(command, cwd=grid.ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("Error: --env is 'smoek', but conf/smoek does not exist; expected one of base, ")
    assert done.stderr.endswith("; did you mean smoke?\n") and done.stderr.count("\n") == 1
    assert (grid.ROOT / "params.yaml").read_bytes() == before


def test_what_a_run_was_given_is_merged_as_the_run_merges_it():
    plain, given = resolved("smoke"), resolved("smoke", changed="training.epochs=9,seeds.s7=7")
    assert given["training"] == plain["training"] | {"epochs": 9} and given["seeds"] == plain["seeds"] | {"s7": 7}
    assert given["env"] == "smoke" and given["data"] == "data/smoke"


SIZES = {"train_rows": 8, "validation_rows": 4, "landscape_rows": 4, "test_rows": 4}
WAFERS = {"kind": "econ", "source": "auto", "filters": 8, "latent": 16, "shifted_rows": 4} | SIZES
TABLE = {"kind": "table", "target": "y", "features": ["x"], "missing": "refuse", "hidden": [4]} | SIZES


def study_of(**tasks):
    return grid.grid_of(default_parameters() | {"tasks": tasks, "requirements": {}})


def test_a_task_that_the_project_ships_has_no_source():
    study = grid.grid_of(default_parameters())
    assert sources(study) == {}
    assert raw_tables(study, "data") == {"jets": {"task": "jets", "path": "data/01_raw/jets.parquet"}}


def test_every_other_task_has_exactly_one_path(tmp_path, monkeypatch):
    monkeypatch.setenv("LOWLAND_DATA", str(tmp_path))
    (tmp_path / "mine.csv").write_text("x,y\n1,2\n")
    study = study_of(table=TABLE | {"path": "mine.csv"}, simulated=WAFERS | {"path": "not/there.csv", "shifted": {}})
    found = sources(study)
    assert found["table"] == {"task": "table", "path": str(tmp_path / "mine.csv"), "elsewhere": ""}
    assert found["simulated"] == {"task": "simulated", "path": "src/lowland/tasks/econ", "elsewhere": ""}
    assert raw_tables(study, "data/mine")["table"]["path"] == "data/mine/01_raw/imported/table.parquet"


@pytest.mark.parametrize("name, outside", [("near/jets.csv", False), ("far/jets.csv", True)])
def test_of_several_files_it_is_the_folder_and_a_digest_of_those_elsewhere(tmp_path, name, outside):
    for file in ("near/wafers.csv", name):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("once")
    options = WAFERS | {"path": str(tmp_path / "near/wafers.csv"), "shifted": {"jets": str(tmp_path / name)}}
    before = sources(study_of(econ=options))["econ"]
    assert before["path"] == str(tmp_path / "near") and bool(before["elsewhere"]) == outside
    (tmp_path / name).write_text("again")
    assert (sources(study_of(econ=options))["econ"]["elsewhere"] != before["elsewhere"]) == outside


def test_a_users_code_has_its_digest_and_stands_for_data_where_there_are_no_files(package):
    gestures = {"kind": "custom", "task": "mine.tasks:Own", "options": PACKAGE_SIZES}
    file = package.write("mine.tasks", "from gestures import Gestures\n\nclass Own(Gestures): pass\n")
    study = study_of(gestures=gestures, table=TABLE | {"path": "mine.csv"})
    before = own_code(study)
    assert before["table"] == "" and len(before["gestures"]) == 32
    assert sources(study)["gestures"]["path"] == str(file.parent)
    alone = sources(study_of(gestures=gestures | {"task": "gestures:Gestures"}))
    assert alone["gestures"]["path"] == "examples/gestures/gestures.py"
    package.write("mine.nets", "")
    assert own_code(study_of(gestures=gestures))["gestures"] != before["gestures"]
