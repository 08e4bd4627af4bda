"""What a study was made with can be read, and typed again."""

import shlex
import subprocess

import pytest
import yaml
from kedro.framework.cli.project import _split_params

from lowland.runs.record import command_of, save_record


@pytest.mark.parametrize(
    "environment, runtime, command",
    [
        (None, {}, "make run"),
        ("local", {}, "make run"),
        ("econ", {}, "kedro run --env econ"),
        (None, {"training": {"epochs": 9}}, "kedro run --params training.epochs=9"),
        ("econ", {"a": {"b": 1.5e-3, "c": True}}, "kedro run --env econ --params a.b=0.0015,a.c=true"),
        (None, {"a": "two words"}, "kedro run --params 'a=two words'"),
    ],
)
def test_the_command_that_makes_a_study_again(environment, runtime, command):
    assert command_of(environment, runtime) == command
    if runtime:
        assert _split_params(None, None, shlex.split(command)[-1]) == runtime


def test_what_params_cannot_say_is_left_to_its_file():
    assert command_of(None, {"a": [1, 2]}, config="run.yml") == "kedro run --config run.yml"


def test_commit_versions_and_parameters_are_recorded(tmp_path):
    def record():
        save_record(tmp_path / "out", root=tmp_path, command="make run", parameters={"seeds": {"s0": 0}})
        return (tmp_path / "out/study.yml").read_text()

    assert yaml.safe_load(record())["commit"] == "none: not a git repository"
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / ".gitignore").write_text("out\n")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    content = yaml.safe_load(record())
    assert (content["commit"], content["uncommitted_changes"]) == (head, False)
    assert content["command"] == "make run" and content["parameters"] == {"seeds": {"s0": 0}}
    assert {"lowland", "python", "torch"} <= set(content["versions"]) and content["platform"]
    assert record() == record()
    (tmp_path / "pyproject.toml").write_text("changed")
    assert yaml.safe_load(record())["uncommitted_changes"] is True
