"""A package of a user's own, for tests: written, importable, and forgotten after the test."""

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples/gestures"
SIZES = {"train_rows": 120, "validation_rows": 30, "landscape_rows": 30, "test_rows": 40, "recordings": 60}


class OwnPackage:
    """Writes modules of packages into a folder on the path.

    Args:
        folder: Where packages go.
    """

    def __init__(self, folder):
        self.folder = folder

    def write(self, module, text):
        """A module by its dotted name, imported anew when it is asked for next."""
        file = self.folder / f"{module.replace('.', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self.forget(module.partition(".")[0])
        return file

    def forget(self, top):
        """What Python has imported of a package."""
        for name in [name for name in sys.modules if name == top or name.startswith(f"{top}.")]:
            del sys.modules[name]
        importlib.invalidate_caches()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Modules that a test writes, and the example ``gestures``."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # files of one second and size would be taken for each other
    known = {name.partition(".")[0] for name in sys.modules}
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.syspath_prepend(str(folder))
    own = OwnPackage(folder)
    yield own
    for top in {path.stem for path in folder.iterdir()} | {"gestures"} - known:
        own.forget(top)
