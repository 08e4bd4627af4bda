"""Where real wafers lie, for the tests that compare with them."""

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("LOWLAND_DATA", "data"))


def real_file(name):
    """A file of the real set; the test is skipped where it is absent."""
    path = DATA / "hgcal" / name
    if not path.is_file():
        pytest.skip(f"{path} is not there (set LOWLAND_DATA)")
    return path
