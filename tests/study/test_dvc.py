"""DVC on the smoke study: what Kedro has run need not run again, and a change reruns what depends on it."""

import json
import re
import shutil
import subprocess

import pytest
import yaml

from tests.study.project import Project

pytestmark = pytest.mark.dvc


@pytest.fixture(scope="module")
def tracked(finished, tmp_path_factory):
    """A copy of the finished smoke study, committed to DVC."""
    study = Project(tmp_path_factory.mktemp("tracked") / "project")
    shutil.copytree(finished.folder, study.folder)
    subprocess.run(["git", "init", "-q"], cwd=study.folder, check=True)
    assert study.python("scripts.write_params", "--env", "smoke").returncode == 0
    result = study.python("dvc", "commit", "-f", "-q")
    assert result.returncode == 0, result.stderr
    return study


def test_repro_after_a_kedro_run_and_commit_does_nothing(tracked):
    before = tracked.tables()
    result = tracked.python("dvc", "repro")
    assert result.returncode == 0, result.stderr
    assert "Data and pipelines are up to date." in result.stdout + result.stderr
    assert "Running stage" not in result.stdout
    assert tracked.tables() == before


def test_a_requirement_of_an_experiment_reaches_the_decision_and_reruns_it_and_the_page_alone(tracked):
    parameters = tracked.folder / "params.yaml"  # changed as `dvc exp run -S` changes it
    changed = yaml.safe_load(parameters.read_text())
    changed["requirements"]["jets"]["needs"][1]["at_least"] = 0.999  # which nothing meets: a result, not a failure
    parameters.write_text(yaml.safe_dump(changed))
    result = tracked.python("dvc", "repro")
    assert result.returncode == 0, result.stderr
    assert re.findall(r"Running stage '(\S+)'", result.stdout) == ["decision", "report"]
    answer = json.loads(tracked.reporting("recommendation.json").read_text())
    assert answer["requirements"]["jets"]["needs"][1]["at_least"] == 0.999
    assert answer["tasks"]["jets"]["outcome"] == "no configuration meets the requirements"
    assert answer["tasks"]["jets"]["nearest"] is not None
    record = yaml.safe_load(tracked.reporting("study.yml").read_text())
    assert (
        record["command"] == "dvc repro"
        and record["parameters"]["requirements"]["jets"]["needs"][1]["at_least"] == 0.999
    )


def changed_parameters(tracked, change):
    """``params.yaml`` as `dvc exp run -S` changes it."""
    parameters = tracked.folder / "params.yaml"
    content = yaml.safe_load(parameters.read_text())
    change(content)
    parameters.write_text(yaml.safe_dump(content))


def times(tracked, *parts):
    """When each file below some folders of the data folder was written."""
    files = [file for part in parts for file in (tracked.folder / "data/smoke" / part).rglob("*") if file.is_file()]
    assert files
    return {file: file.stat().st_mtime_ns for file in files}


def test_an_option_of_attacks_reruns_them_and_what_gathers_and_another_studys_results_are_strangers(tracked):
    kept, lock = ((tracked.folder / name).read_bytes() for name in ("params.yaml", "dvc.lock"))
    before = times(tracked, "06_models", "07_model_output/measured")
    changed_parameters(tracked, lambda content: content["attacks"].update(num_steps=3))
    result = tracked.python("dvc", "repro")
    assert result.returncode == 0, result.stderr
    ran = re.findall(r"Running stage '(\S+)'", result.stdout)
    assert sorted(ran) == sorted(["attacks@jets", "tables", "analysis", "decision", "report"])
    again = {
        file for file, time in times(tracked, "06_models", "07_model_output/measured").items() if time != before[file]
    }
    assert len(again) == 12 and {file.parents[3].name for file in again} == {"attacks"}

    (tracked.folder / "params.yaml").write_bytes(kept)
    (tracked.folder / "dvc.lock").write_bytes(lock)
    assert tracked.python("dvc", "checkout", "-f", "-q").returncode == 0
    resumed = tracked.kedro("run", "--env", "smoke", "--only-missing-outputs")
    assert resumed.returncode == 2 and "under_attack is not on record" in resumed.stderr, resumed.stderr
    status = tracked.python("dvc", "status")
    assert "up to date" in status.stdout, "DVC knows what it has brought"


def test_a_recipe_more_leaves_the_networks_of_the_others(tracked):
    kept = (tracked.folder / "params.yaml").read_bytes()
    before = times(tracked, "06_models/trained")
    changed_parameters(tracked, lambda content: content["recipes"].update(flat={"kind": "sam", "rho": 0.05}))
    result = tracked.python("dvc", "repro", "training@jets")
    (tracked.folder / "params.yaml").write_bytes(kept)
    assert result.returncode == 0, result.stderr
    after = times(tracked, "06_models/trained")
    assert {file: after[file] for file in before} == before
    assert {file.parent.name for file in set(after) - set(before)} == {"flat"}


AXES = """
tasks:
  one: &table {kind: table, path: %(folder)s/one.csv, target: kind, classes: [a, b], features: [x, y], missing: refuse,
    train_rows: 60, validation_rows: 20, landscape_rows: 20, test_rows: 40, hidden: [4]}
  two: {<<: *table, path: %(folder)s/two.csv}
recipes: {plain: {kind: plain}}
seeds: {s0: 0}
precisions: {fp32: {method: float, weight_bits: 32, activation_bits: 32}}
"""


def test_a_changed_file_of_the_users_reruns_its_task_and_nothing_else(project, tmp_path):
    subprocess.run(["git", "init", "-q"], cwd=project.folder, check=True)
    (project.folder / "conf/mine").mkdir()
    (project.folder / "conf/mine/parameters_axes.yml").write_text(AXES % {"folder": tmp_path})
    header, rows = "x,y,kind", [f"{n % 17},{n * n % 23},{'ab'[n % 2]}" for n in range(200)]
    for name in ("one", "two"):
        (tmp_path / f"{name}.csv").write_text("\n".join([header, *rows]))
    assert project.python("scripts.write_params", "--env", "mine").returncode == 0
    done = project.python("dvc", "repro", "ingestion")
    assert done.returncode == 0, done.stderr
    assert sorted(re.findall(r"Running stage '(\S+)'", done.stdout)) == ["ingestion@one", "ingestion@two"]
    tables = [project.folder / f"data/mine/01_raw/imported/{name}.parquet" for name in ("one", "two")]
    before = [table.read_bytes() for table in tables]
    (tmp_path / "two.csv").write_text("\n".join([header, *reversed(rows)]))
    again = project.python("dvc", "repro", "ingestion")
    assert re.findall(r"Running stage '(\S+)'", again.stdout) == ["ingestion@two"], again.stdout + again.stderr
    assert [table.read_bytes() == old for table, old in zip(tables, before, strict=True)] == [True, False]


def test_metrics_are_numbers_that_dvc_shows(tracked):
    result = tracked.python("dvc", "metrics", "show", "--json")
    assert result.returncode == 0, result.stderr
    assert "num_configurations" in result.stdout
