"""Where real data lie that the repository may not hold, for the tests that read them."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BESIDE = ROOT.parent / "shared" / "data"


def folder():
    """The folder that ``LOWLAND_DATA`` names, else the one beside the project, else ``data``."""
    named = os.environ.get("LOWLAND_DATA")
    return Path(named) if named else BESIDE if BESIDE.is_dir() else ROOT / "data"


def needs(*names):
    """Marks a test that reads these files; it is skipped where one is absent."""
    absent = [str(folder() / name) for name in names if not (folder() / name).exists()]
    return pytest.mark.skipif(bool(absent), reason=f"{', '.join(absent)} not there (set LOWLAND_DATA; see docs/data)")


def real(name):
    """A file; the test that asks for it is skipped where it is absent."""
    path = folder() / name
    if not path.exists():
        pytest.skip(f"{path} is not there (set LOWLAND_DATA; see docs/data)")
    return path
