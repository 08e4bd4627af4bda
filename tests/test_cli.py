"""What a user sees of a mistake: one line and exit code 2."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def kedro(*arguments):
    command = [sys.executable, "-m", "kedro", "run", "--env", "smoke", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--params", "training.epochs=0"], "parameter training.epochs (--params): got 0"),
        (["--pipelines", "landscpe"], "--pipelines names 'landscpe'; expected one of __default__, landscape"),
        (["--env", "smok"], "smok"),
        (["--runner", "nosuch.Runner"], "--runner is 'nosuch.Runner', which cannot be loaded"),
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
