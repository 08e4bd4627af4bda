"""A copy of the project in which the smoke study has run."""

import shutil

import pytest

from tests.study.project import ROOT, Project

PARTS = ("src", "conf", "scripts", ".dvc", "pyproject.toml", "dvc.yaml", "params.yaml", ".dvcignore")


def copied(folder):
    """The project without its results."""
    for part in PARTS:
        source = ROOT / part
        ignored = shutil.ignore_patterns("__pycache__", "cache", "tmp", "*.egg-info")
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=ignored)
        else:
            shutil.copy2(source, folder / part)
    shutil.copytree(ROOT / "data/01_raw", folder / "data/01_raw")
    return Project(folder)


@pytest.fixture
def project(tmp_path):
    """A fresh copy for one test."""
    return copied(tmp_path / "project")


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The smoke study, run once for all tests that only look."""
    study = copied(tmp_path_factory.mktemp("finished") / "project")
    result = study.kedro("run", "--env", "smoke")
    assert result.returncode == 0, result.stderr
    study.output = result.stdout + result.stderr
    return study
