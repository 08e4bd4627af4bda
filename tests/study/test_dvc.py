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


def test_metrics_are_numbers_that_dvc_shows(tracked):
    result = tracked.python("dvc", "metrics", "show", "--json")
    assert result.returncode == 0, result.stderr
    assert "num_configurations" in result.stdout
