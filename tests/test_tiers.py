"""Two tiers of tests: the quick one of every day, and all, which CI runs."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STARTS_PROGRAMS = ("dvc", "dask", "browser")


def made(target, folder):
    """What make would run."""
    (folder / ".installed").touch()
    os.utime(folder / ".installed", (2**31, 2**31))  # newer than what it is made from: nothing is installed
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "-n", target, f"VENV={folder}"]
    return subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, check=True).stdout


def test_the_quick_tier_leaves_out_the_slow_ones_and_the_other_none(tmp_path):
    assert made("test", tmp_path) == made("test-all", tmp_path).rstrip("\n") + ' -m "not slow"\n'
    assert "pytest" in made("test-all", tmp_path) and "mypy" in made("test-all", tmp_path)


def test_ci_and_the_readme_run_all():
    for file in (".ci/run", ".github/workflows/test.yml", "README.md", "CONTRIBUTING.md"):
        assert "make test-all" in (ROOT / file).read_text(), file


def test_what_starts_programs_is_slow(request):
    for item in request.session.items:
        if any(item.get_closest_marker(mark) for mark in STARTS_PROGRAMS):
            assert item.get_closest_marker("slow"), item.nodeid
