"""Where real wafers lie beside the project, for the tests that compare with them."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("LOWLAND_SHARED_DATA", "../shared/data"))


def real_file(name):
    """A file of the real set; the test is skipped where it is absent."""
    path = SHARED / "hgcal" / name
    if not path.is_file():
        pytest.skip(f"{path} is not there (set LOWLAND_SHARED_DATA)")
    return path
