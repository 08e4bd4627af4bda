import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from lowland.trial.command import check_task
from tests.own_package import EXAMPLE, SIZES

ROOT = Path(__file__).resolve().parents[2]


def ask(*arguments):
    return CliRunner().invoke(check_task, arguments)


def test_a_good_task_is_told_calmly(package):
    said = ask("gestures:Gestures", "--options", str(SIZES))
    assert said.exit_code == 0 and said.stderr == ""
    lines = said.stdout.splitlines()
    assert lines[0] == "declared      classifier of features, 4 outputs, score accuracy"
    assert lines[-1] == "gestures:Gestures is ready for a study" and len(lines) == 7


def test_all_mistakes_are_lines_of_one_kind(package):
    package.write(
        "theirs", "from gestures import Gestures\n\nclass Own(Gestures):\n    decisions = guess_score = None\n"
    )
    said = ask("theirs:Own", "--options", str(SIZES))
    assert said.exit_code == 2 and "ready" not in said.stdout
    assert [line.partition(":")[0] for line in said.stderr.splitlines()] == ["Error"] * 2
    assert "theirs:Own.decisions: TypeError: " in said.stderr and "theirs:Own.guess_score: TypeError: " in said.stderr


def test_files_are_found_where_a_study_finds_them(package, tmp_path, monkeypatch):
    body = "import pandas as pd\nfrom pathlib import Path\nimport gestures\n\n"
    body += "class Options(gestures.Options):\n    path: Path\n\nclass Own(gestures.Gestures):\n    Options = Options\n"
    body += "    @property\n    def sources(self): return (self.options.path,)\n"
    body += "    def fetch(self): return pd.read_parquet(self.options.path)\n"
    package.write("theirs", body)
    asked = ("theirs:Own", "--options", str(SIZES | {"path": "mine.parquet"}))
    monkeypatch.setenv("LOWLAND_DATA", str(tmp_path))
    said = ask(*asked)
    assert said.exit_code == 2 and "mine.parquet is missing (see docs/data)" in said.stderr
    gestures = importlib.import_module("gestures")
    gestures.Gestures(gestures.Options(**SIZES)).fetch().to_parquet(tmp_path / "mine.parquet")
    assert ask(*asked).exit_code == 0


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["gestures"], "Error: 'gestures' is no dotted path; expected package.module:Name"),
        (["no_such:Task"], "Error: there is no package no_such; expected it in src/"),
        (["gestures:Network"], "Error: gestures:Network is no task; expected a class that inherits from"),
        (["gestures:Gestures"], "Error: options.train_rows is missing; give it under options\nError: options.valid"),
        (["gestures:Gestures", "--options", "[1]"], "'[1]' is no mapping; expected such as '{train_rows: 800"),
        (["gestures:Gestures", "--options", "{a"], "'{a' cannot be read: "),
    ],
)
def test_a_mistake_on_the_way_there_is_told(package, arguments, message):
    said = ask(*arguments)
    assert said.exit_code == 2 and message in said.stderr


def test_it_starts_without_kedro_as_a_part_of_the_packages_command():
    watched = "import sys, runpy; sys.argv = ['lowland', *sys.argv[1:]]\ntry: runpy.run_module('lowland', run_name="
    code = watched + "'__main__')\nexcept SystemExit as end: print(end.code, 'kedro' in sys.modules)"
    path = os.pathsep.join((str(ROOT / "src"), str(EXAMPLE)))
    done = subprocess.run(
        [sys.executable, "-c", code, "check-task", "gestures:Gestures", "--options", str(SIZES)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.endswith("gestures:Gestures is ready for a study\n0 False\n"), done.stderr
