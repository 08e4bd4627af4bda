"""What a user sees of a mistake: one line and exit code 2."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from kedro.runner import ThreadRunner

from lowland import cli
from lowland.runners import GridRunError
from lowland.runners.worker import Outcome

ROOT = Path(__file__).resolve().parents[1]


def kedro(*arguments):
    command = [sys.executable, "-m", "kedro", "run", "--env", "smoke", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_the_package_itself_is_the_same_command():
    result = subprocess.run(
        [sys.executable, "-m", "lowland", "--env", "smoke", "--tags", "nothing"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 2
    assert result.stderr.strip().startswith("Error: --tags names 'nothing'; expected one of ")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--params", "training.epochs=0"], "parameter training.epochs (--params): got 0"),
        (["--pipelines", "landscpe"], "--pipelines names 'landscpe'; did you mean landscape?"),
        (["--env", "smok"], "smok"),
        (["--tags", "perturbation,sumary"], "--tags names 'sumary'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_two(arguments, message):
    result = kedro(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr + result.stdout
    assert len([line for line in result.stderr.splitlines() if line.strip()]) <= 3


def test_the_stack_trace_is_there_for_who_asks():
    result = kedro("--params", "training.epochs=0", "--verbose")
    assert result.returncode != 0 and "Traceback" in result.stderr


class Threads(ThreadRunner):
    """A thread runner by another name."""


def ask(monkeypatch, *arguments, callback=lambda **_: None):
    """The command in this process, with something else in place of the run."""
    monkeypatch.setattr(cli.run, "callback", callback)
    return CliRunner().invoke(cli.cli, ["run", *arguments])


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--runner", "nosuch.Runner"], "--runner is 'nosuch.Runner', which cannot be loaded"),
        (["--runner", "pathlib.Path"], "--runner is 'pathlib.Path', which is no runner"),
        (["--runner", "ThreadRunner"], "--runner ThreadRunner: threads share torch's random generator"),
        (["--runner", "kedro.runner.ThreadRunner"], "--runner kedro.runner.ThreadRunner: threads share"),
        (["--runner", f"{__name__}.Threads"], "threads share torch's random generator"),
        (["--runner-params", "max_worker=2"], "--runner-params names 'max_worker' for lowland.runners.GridRunner; "),
        (["--runner-params", "max_worker=2"], "did you mean max_workers"),
        (["--runner", "SequentialRunner", "--runner-params", "threads=2"], "--runner-params names 'threads'"),
        (["--pipelines", "sensor_ranges"], "--pipelines names 'sensor_ranges'; expected one of __default__"),
        (["--pipelines", "landscape,tabels"], "did you mean tables"),
        (["--params", "training.epochs"], "must contain a key and a value separated by `=`"),
        (["--params", "a={"], "--params cannot be read"),
        (["--load-versions", "jets"], "--load-versions cannot be read"),
        (["--config", __file__], "--config cannot be read"),
    ],
)
def test_options_are_checked_before_anything_runs(monkeypatch, arguments, message):
    ran = []
    result = ask(monkeypatch, *arguments, callback=lambda **_: ran.append(1))
    assert result.exit_code == 2 and not ran
    assert message in result.output and "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit)


@pytest.mark.parametrize("name", ["SequentialRunner", "kedro.runner.SequentialRunner", "ParallelRunner"])
def test_kedros_runners_are_taken_with_this_projects_progress(monkeypatch, name):
    given = []
    assert ask(monkeypatch, "--runner", name, callback=lambda runner, **_: given.append(runner)).exit_code == 0
    assert given == [f"lowland.runners.{name.rpartition('.')[2]}"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_machine_that_cannot_write_is_one_line(monkeypatch, code):
    def fail(**_):
        raise OSError(code, os.strerror(code), "data/08_reporting")

    result = ask(monkeypatch, callback=fail)
    assert result.exit_code == 2
    assert os.strerror(code) in result.output and "data/08_reporting" in result.output
    assert len(result.output.splitlines()) == 1


def test_other_errors_keep_their_stack_trace(monkeypatch):
    def fail(**_):
        raise ConnectionError("gone")

    assert isinstance(ask(monkeypatch, callback=fail).exception, ConnectionError)


def test_a_full_disk_is_named_where_nodes_met_it():
    full = Outcome(error="DatasetError: Failed while saving: [Errno 28] No space left on device")
    error = GridRunError({"a": full, "b": full}, [], 3)
    assert isinstance(error, click.ClickException)
    assert error.message.endswith(
        "3 done; No space left on device: mend that, then continue with --only-missing-outputs"
    )
    assert "mend" not in GridRunError({"a": Outcome(error="ValueError: x")}, [], 3).message
