"""A copy of the package and its configuration with a few files changed, and which these are."""

import filecmp
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("src/lowland", "conf")


class ChangedCopy:
    """The project as it would be with a few edits.

    Args:
        folder: Where the copy goes.
        edits: (file, text that stands in it once, what stands there instead); new files have an empty old text.
    """

    def __init__(self, folder, edits):
        self.folder = folder
        for part in PARTS:
            ignored = shutil.ignore_patterns("__pycache__", "local")
            shutil.copytree(ROOT / part, folder / part, ignore=ignored)
        (folder / "conf/local").mkdir()  # what a developer has there is no part of the project
        for name, old, new in edits:
            path = folder / name
            text = path.read_text() if old else ""
            assert old or not path.exists(), f"{name} is there already"
            assert not old or text.count(old) == 1, f"{name} has {text.count(old)} times {old!r}; expected once"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace(old, new) if old else new)

    def changed(self):
        """Files that are not as in the project, existing ones and new ones apart."""
        files = [p for part in PARTS for p in sorted((self.folder / part).rglob("*")) if p.is_file()]
        names = [str(path.relative_to(self.folder)) for path in files]
        existing = [name for name in names if (ROOT / name).is_file()]
        differs = [name for name in existing if not filecmp.cmp(ROOT / name, self.folder / name, shallow=False)]
        return differs, [name for name in names if name not in existing]

    def run(self, *arguments):
        """Runs Python in the project, with the copy's package in place of its own."""
        path = os.pathsep.join((str(self.folder / "src"), str(ROOT)))
        result = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert result.returncode == 0, f"{result.stdout[-4000:]}\n{result.stderr[-4000:]}"
        return result.stdout

    def meets(self, check):
        """Calls a function of a test module, by its dotted path, where the copy is the package."""
        module, _, name = check.rpartition(".")
        own = f"import lowland, {module} as tests; assert lowland.__file__.startswith({str(self.folder)!r}); "
        return self.run("-c", f"{own}tests.{name}()")
